// Where a server listens, as a user writes it: `127.0.0.1:9464`, `[::1]:9464`, `:9464` or `9464`. Whoever names no host gets this machine alone.

import Base

public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
  public let host: String
  /// 0 lets the system choose a free one.
  public let port: Int

  public init(host: String = "127.0.0.1", port: Int) {
    self.host = host
    self.port = port
  }

  /// - Parameter option: For the message of the usage failure.
  public init(_ text: String, option: String) throws(Failure) {
    guard let parts = Self.parts(of: text), let port = Self.port(parts.port), !parts.host.contains(where: { " /@".contains($0) })
    else {
      throw Failure(
        .usage, "\(option): expected HOST:PORT, such as 127.0.0.1:9464, or a port of this machine alone, found '\(text)'")
    }
    host = parts.host.isEmpty ? "127.0.0.1" : String(parts.host)
    self.port = port
  }

  /// Whether only this machine reaches it.
  public var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// An IPv6 address has colons of its own and stands in brackets.
  private static func parts(of text: String) -> (host: Substring, port: Substring)? {
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      let rest = text[text.index(after: end)...]
      guard rest.hasPrefix(":") else { return nil }
      return (text[text.index(after: text.startIndex)..<end], rest.dropFirst())
    }
    guard let colon = text.lastIndex(of: ":") else { return ("", text[...]) }
    guard !text[..<colon].contains(":") else { return nil }
    return (text[..<colon], text[text.index(after: colon)...])
  }

  private static func port(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(text), (0...65_535).contains(port)
    else {
      return nil
    }
    return port
  }
}
