// What Redis is told and what it answers, as bytes on the wire: the Redis serialization protocol, seen from the server.

/// A reply.
enum RedisValue: Equatable {
  case status(String)
  /// With its code: `ERR unknown command`.
  case error(String)
  case integer(Int64)
  case bulk([UInt8])
  case null
  case array([RedisValue])

  static func text(_ text: String) -> RedisValue { .bulk(Array(text.utf8)) }

  /// Appends the reply as RESP 2.
  func encode(to bytes: inout [UInt8]) {
    switch self {
    case .status(let text): bytes += Array("+\(text)\r\n".utf8)
    case .error(let text): bytes += Array("-\(text)\r\n".utf8)
    case .integer(let value): bytes += Array(":\(value)\r\n".utf8)
    case .null: bytes += Array("$-1\r\n".utf8)
    case .bulk(let content):
      bytes += Array("$\(content.count)\r\n".utf8)
      bytes += content
      bytes += [13, 10]
    case .array(let elements):
      bytes += Array("*\(elements.count)\r\n".utf8)
      for element in elements { element.encode(to: &bytes) }
    }
  }
}

/// Cuts a stream of bytes into commands.
struct RedisCommandReader {
  private var bytes: [UInt8] = []
  private var position = 0

  mutating func feed(_ more: UnsafeBufferPointer<UInt8>) {
    if position == bytes.count {
      bytes.removeAll(keepingCapacity: true)
      position = 0
    }
    bytes.append(contentsOf: more)
  }

  /// The next command that has come whole, as its arguments.
  mutating func next() -> [[UInt8]]? {
    var at = position
    guard let count = number(after: UInt8(ascii: "*"), &at) else { return nil }
    var arguments: [[UInt8]] = []
    arguments.reserveCapacity(count)
    for _ in 0..<count {
      guard let length = number(after: UInt8(ascii: "$"), &at), at + length + 2 <= bytes.count else { return nil }
      arguments.append(Array(bytes[at..<at + length]))
      at += length + 2
    }
    position = at
    return arguments
  }

  /// Reads `$12\r\n`; nil where it has not come whole.
  private func number(after mark: UInt8, _ at: inout Int) -> Int? {
    guard at < bytes.count else { return nil }
    precondition(bytes[at] == mark, "the client speaks another protocol")
    var value = 0
    var index = at + 1
    while index < bytes.count, bytes[index] != 13 {
      value = value * 10 + Int(bytes[index]) - 48
      index += 1
    }
    guard index + 1 < bytes.count else { return nil }
    at = index + 2
    return value
  }
}
