// A plain TCP connection to this machine, for tests of servers: bytes go out as they are given, what comes back is kept.

import Foundation

public final class RawConnection {
  private let descriptor: Int32
  public private(set) var received = Data()
  /// Whether the other side has closed, in order or not.
  public private(set) var isClosed = false

  public init(port: Int) throws {
    #if canImport(Glibc)
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    guard result == 0 else {
      let code = errno
      close(descriptor)
      throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EIO)
    }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  deinit { close(descriptor) }

  public var text: String { String(decoding: received, as: UTF8.self) }

  /// Sends all of it, reading meanwhile; false where the other side has closed before.
  @discardableResult
  public func send(_ bytes: some Sequence<UInt8>) -> Bool {
    var rest = Array(bytes)[...]
    return waitUntil(seconds: 30) {
      receive()
      if rest.isEmpty || isClosed { return true }
      let count = rest.withUnsafeBytes { write($0) }
      if count > 0 { rest = rest.dropFirst(count) }
      return rest.isEmpty
    } && rest.isEmpty
  }

  @discardableResult
  public func send(_ text: String) -> Bool { send(text.utf8) }

  /// Sends a few bytes and reads nothing.
  public func sendOnly(_ text: String) {
    let bytes = Array(text.utf8)
    let count = bytes.withUnsafeBytes { write($0) }
    precondition(count == bytes.count, "more than the system keeps")
  }

  /// Says that nothing more will be sent.
  public func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Reads until `condition` holds for what has come; false where the other side closed, or half a minute passed, without that.
  public func read(until condition: (RawConnection) -> Bool) -> Bool {
    _ = waitUntil(seconds: 30) {
      receive()
      return isClosed || condition(self)
    }
    return condition(self)
  }

  /// Reads until the other side closes.
  public func readToEnd() -> String {
    _ = read { $0.isClosed }
    return text
  }

  private func write(_ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
      let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    #else
      let count = Darwin.send(descriptor, bytes.baseAddress, bytes.count, 0)
    #endif
    if count < 0, errno != EAGAIN { isClosed = true }
    return count
  }

  private func receive() {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count > 0 {
        received.append(contentsOf: buffer[..<count])
      } else {
        if count == 0 || errno != EAGAIN { isClosed = true }
        return
      }
    }
  }
}

/// One response of HTTP/1.1, taken apart without any help.
public struct RawResponse {
  public var status: Int
  public var headers: [String: String]
  public var body: String

  /// Takes a response with a Content-Length from the front of `bytes`; nil where it is not all there. `isBodiless` is for answers to HEAD.
  public static func take(from bytes: inout Data, isBodiless: Bool = false) -> RawResponse? {
    guard let end = bytes.range(of: Data("\r\n\r\n".utf8)) else { return nil }
    let lines = String(decoding: bytes[bytes.startIndex..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    let count = isBodiless || status < 200 ? 0 : Int(headers["content-length"] ?? "") ?? 0
    guard bytes.endIndex - end.upperBound >= count else { return nil }
    let body = String(decoding: bytes[end.upperBound..<(end.upperBound + count)], as: UTF8.self)
    bytes = Data(bytes[(end.upperBound + count)...])
    return RawResponse(status: status, headers: headers, body: body)
  }

  /// Asks for a path on a connection of its own; nil where the server does not answer.
  public static func get(_ path: String, port: Int, method: String = "GET") -> RawResponse? {
    guard let connection = try? RawConnection(port: port) else { return nil }
    connection.send("\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    _ = connection.readToEnd()
    var bytes = connection.received
    return take(from: &bytes, isBodiless: method == "HEAD")
  }
}
