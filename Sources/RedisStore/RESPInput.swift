// Replies read where they lie: lists of texts, whose places in the buffer that received them are all that is kept. hiredis makes an object of each
// text, which costs as much as everything else that is done with it.

import Base
import Features

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Belongs to one connection for the time of some replies; all of them must be read.
struct RESPInput {
  /// What a reply begins with.
  enum Head {
    /// Elements of a list, -1 for none.
    case list(Int)
    /// Bytes of a text, -1 for none.
    case text(Int)
    case integer(Int)
    case status
    case error(String)
  }

  private let connection: RedisConnection
  private let buffer: ByteBuffer
  private var cursor: Int

  /// - Parameter buffer: Receives the replies, behind what it holds, and keeps them.
  init(_ connection: RedisConnection, _ buffer: ByteBuffer) {
    self.connection = connection
    self.buffer = buffer
    cursor = buffer.count
  }

  /// Reads a reply's first line.
  mutating func head() throws -> Head {
    let start = cursor
    var end = try lineEnd()
    let kind = buffer.base[start]
    if end > start + 1, buffer.base[end - 1] == 13 { end -= 1 }
    switch kind {
    case UInt8(ascii: "$"): return .text(try number(start + 1, end))
    case UInt8(ascii: "*"): return .list(try number(start + 1, end))
    case UInt8(ascii: ":"): return .integer(try number(start + 1, end))
    case UInt8(ascii: "+"): return .status
    case UInt8(ascii: "-"):
      return .error(String(decoding: UnsafeBufferPointer(start: buffer.base + start + 1, count: end - start - 1), as: UTF8.self))
    default: throw broken()
    }
  }

  /// Reads a text, or nothing; any other reply is passed over and is no text.
  mutating func cell() throws -> OnlineCell {
    switch try head() {
    case .text(let count): return try text(count)
    case .list(let count):
      for _ in 0..<max(0, count) { _ = try cell() }
      return .absent
    case .integer, .status, .error: return .absent
    }
  }

  /// Reads the rest of a text whose head was read.
  mutating func text(_ count: Int) throws -> OnlineCell {
    guard count >= 0 else { return .absent }
    guard count <= Self.textByteCountMax else { throw broken() }
    while buffer.count - cursor < count + 2 { try connection.receive(into: buffer) }
    defer { cursor += count + 2 }
    return OnlineCell(start: cursor, count: count)
  }

  /// As Redis itself bounds them.
  private static let textByteCountMax = 512 << 20

  /// Where the line's feed is; the cursor is moved behind it.
  private mutating func lineEnd() throws -> Int {
    var searched = cursor
    while true {
      if let found = memchr(buffer.base + searched, 10, buffer.count - searched) {
        let end = UnsafeRawPointer(found) - UnsafeRawPointer(buffer.base)
        cursor = end + 1
        return end
      }
      searched = buffer.count
      try connection.receive(into: buffer)
    }
  }

  private func number(_ start: Int, _ end: Int) throws -> Int {
    var index = start
    let isNegative = index < end && buffer.base[index] == UInt8(ascii: "-")
    if isNegative { index += 1 }
    guard index < end, end - index <= 18 else { throw broken() }
    var value = 0
    while index < end {
      let digit = buffer.base[index] &- 48
      guard digit < 10 else { throw broken() }
      value = value &* 10 &+ Int(digit)
      index += 1
    }
    return isNegative ? -value : value
  }

  /// Nothing can be read any more; the connection is closed.
  private func broken() -> Failure {
    connection.disconnect()
    return Failure(
      .unavailable, "\(connection.name): the connection to Redis broke: what came is no reply of Redis", isRetryable: true)
  }
}
