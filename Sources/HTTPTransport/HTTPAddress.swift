// Where requests go, and the headers that go with them. Secrets come from the environment or from files, never from the command line, and an
// address is printed without its query, where a token could be.

import Base
import Foundation

/// An `http://` or `https://` URL.
public struct HTTPAddress: Sendable, Hashable, CustomStringConvertible {
  public let url: URL

  /// Whether `text` means to be such a URL, well-formed or not.
  public static func isOne(_ text: String) -> Bool {
    let lowered = text.prefix(8).lowercased()
    return lowered.hasPrefix("http://") || lowered.hasPrefix("https://")
  }

  /// Reads a URL; throws a usage failure that says what was expected.
  public init(_ text: String) throws {
    func refusal(_ reason: String) -> Failure {
      Failure(.usage, "\(Self.redacted(text)): \(reason); expected http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH")
    }
    guard Self.isOne(text) else { throw refusal("not an HTTP address") }
    guard let components = URLComponents(string: text), let url = components.url else { throw refusal("not a URL") }
    guard components.user == nil, components.password == nil else {
      throw refusal("credentials do not belong in an address (use FRESHET_HTTP_AUTHORIZATION)")
    }
    guard let host = components.host, !host.isEmpty else { throw refusal("no host") }
    if let port = components.port, !(1...65_535).contains(port) { throw refusal("\(port) is not a port") }
    self.url = url
  }

  /// The URL without what could be secret.
  public var description: String { Self.redacted(url.absoluteString) }

  /// `text` without what stands before an `@` of its authority, and without its query.
  private static func redacted(_ text: String) -> String {
    var shown = text
    if let query = shown.firstIndex(of: "?") { shown = shown[..<query] + "?***" }
    guard let scheme = shown.range(of: "://") else { return shown }
    let end = shown[scheme.upperBound...].firstIndex(of: "/") ?? shown.endIndex
    if let at = shown[scheme.upperBound..<end].lastIndex(of: "@") {
      shown.replaceSubrange(scheme.upperBound..<at, with: "***")
    }
    return shown
  }
}

/// Headers of every request, in the order in which they were given; a later one replaces an earlier one of the same name.
public struct HTTPHeaders: Sendable {
  public private(set) var entries: [(name: String, value: String)]

  public init(_ entries: [(name: String, value: String)] = []) { self.entries = entries }

  /// Names that the environment gives, as FRESHET_HTTP_AUTHORIZATION or, with the path of a file, FRESHET_HTTP_AUTHORIZATION_FILE.
  static let secrets = ["Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key"]

  /// Names that the transport writes itself.
  private static let reserved: Set<String> = ["content-length", "transfer-encoding", "host", "connection", "expect"]

  /// Reads `--header` arguments, each `Name: value`. A secret among them is refused.
  public init(arguments: [String]) throws {
    entries = []
    for argument in arguments {
      guard let colon = argument.firstIndex(of: ":") else {
        throw Failure(.usage, "--header \(argument): expected a header as 'Name: value'")
      }
      let name = String(argument[..<colon])
      let value = argument[argument.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      guard Self.isToken(name) else { throw Failure(.usage, "--header \(name): '\(name)' is not the name of a header") }
      guard !Self.secrets.contains(where: { $0.lowercased() == name.lowercased() }) else {
        let variable = Self.environmentName(name)
        throw Failure(
          .usage,
          "--header \(name): ***: a secret is not taken from the command line, where others can read it; set \(variable) or \(variable)_FILE"
        )
      }
      guard !Self.reserved.contains(name.lowercased()) else {
        throw Failure(.usage, "--header \(name): this header is written by the transport itself")
      }
      guard Self.isValue(value) else { throw Failure(.usage, "--header \(name): the value has control characters") }
      entries.append((name, String(value)))
    }
  }

  /// Reads the secrets of the environment; a file gives its first line.
  public init(environment: [String: String]) throws {
    entries = []
    for name in Self.secrets {
      guard let value = try EnvironmentSecret.read(Self.environmentName(name), environment) else { continue }
      guard Self.isValue(Substring(value)) else {
        throw Failure(.badConfiguration, "\(Self.environmentName(name)): the value has control characters")
      }
      entries.append((name, value))
    }
  }

  public func overlaid(with others: HTTPHeaders) -> HTTPHeaders { HTTPHeaders(entries + others.entries) }

  static func environmentName(_ name: String) -> String {
    "FRESHET_HTTP_" + name.uppercased().replacingOccurrences(of: "-", with: "_")
  }

  /// RFC 9110, section 5.6.2.
  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
          || "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
  }

  private static func isValue(_ text: Substring) -> Bool { text.utf8.allSatisfy { $0 == 9 || ($0 >= 0x20 && $0 != 0x7f) } }
}

/// A secret of the environment: `NAME`, or the first line of the file that `NAME_FILE` names.
enum EnvironmentSecret {
  static func read(_ name: String, _ environment: [String: String]) throws -> String? {
    if let value = environment[name], !value.isEmpty { return value }
    guard let path = environment[name + "_FILE"], !path.isEmpty else { return nil }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.badConfiguration, "\(name)_FILE: cannot read \(path)")
    }
    let line = String(decoding: data.prefix { $0 != 10 && $0 != 13 }, as: UTF8.self)
    guard !line.isEmpty else { throw Failure(.badConfiguration, "\(name)_FILE: the first line of \(path) is empty") }
    return line
  }
}
