// The Redis serialization protocol, request side: `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`. Commands are written straight into one buffer, which
// costs a third of having hiredis format them.

import Base

enum RESP {
  /// `*COUNT\r\n`: a command of that many arguments follows.
  static func appendCommand(argumentCount: Int, to buffer: ByteBuffer) {
    buffer.append(UInt8(ascii: "*"))
    appendLine(argumentCount, to: buffer)
  }

  /// One argument.
  static func append(_ bytes: UnsafeBufferPointer<UInt8>, to buffer: ByteBuffer) {
    appendLength(bytes.count, to: buffer)
    buffer.append(bytes)
    buffer.append("\r\n" as StaticString)
  }

  static func append(_ text: String, to buffer: ByteBuffer) {
    var text = text
    text.withUTF8 { append($0, to: buffer) }
  }

  /// An integer as its decimal text.
  static func append(_ value: Int64, to buffer: ByteBuffer) {
    appendText(to: buffer) { NumberText.write(value, to: $0) }
  }

  /// A double as its shortest text.
  static func append(_ value: Double, to buffer: ByteBuffer) {
    appendText(to: buffer) { NumberText.write(value, to: $0) }
  }

  /// A whole command.
  static func append(_ arguments: [String], to buffer: ByteBuffer) {
    appendCommand(argumentCount: arguments.count, to: buffer)
    for argument in arguments { append(argument, to: buffer) }
  }

  /// Whole commands, each with an `ASKING` before it.
  static func asking(_ commands: UnsafeBufferPointer<UInt8>) -> ByteBuffer {
    let out = ByteBuffer(capacity: commands.count + 64)
    var index = 0
    /// The number of a line `*N\r\n` or `$N\r\n`; moves behind it.
    func count() -> Int {
      var value = 0
      index += 1
      while index < commands.count, commands[index] != 13 {
        value = value * 10 + Int(commands[index]) - 48
        index += 1
      }
      index += 2
      return value
    }
    while index < commands.count {
      let start = index
      for _ in 0..<count() { index += count() + 2 }
      out.append("*1\r\n$6\r\nASKING\r\n" as StaticString)
      out.append(UnsafeBufferPointer(rebasing: commands[start..<min(index, commands.count)]))
    }
    return out
  }

  /// `$COUNT\r\n`: the bytes of an argument and `\r\n` follow.
  static func appendLength(_ count: Int, to buffer: ByteBuffer) {
    buffer.append(UInt8(ascii: "$"))
    appendLine(count, to: buffer)
  }

  /// Has `write` put a number behind room for its length, and the length before it. A number's text is never 100 bytes long.
  private static func appendText(to buffer: ByteBuffer, _ write: (UnsafeMutablePointer<UInt8>) -> Int) {
    buffer.reserve(NumberText.maximumByteCount + 8)
    let start = buffer.base + buffer.count
    // `$N\r\n` or `$NN\r\n`: write the text where the longer one leaves it, and move it when it was short.
    let count = write(start + 5)
    start[0] = UInt8(ascii: "$")
    var end = start
    if count >= 10 {
      start[1] = 48 + UInt8(count / 10)
      start[2] = 48 + UInt8(count % 10)
      end = start + 3
    } else {
      start[1] = 48 + UInt8(count)
      end = start + 2
      (start + 4).update(from: start + 5, count: count)
    }
    end[0] = 13
    end[1] = 10
    end += 2 + count
    end[0] = 13
    end[1] = 10
    buffer.count = end + 2 - buffer.base
  }

  private static func appendLine(_ value: Int, to buffer: ByteBuffer) {
    buffer.reserve(NumberText.maximumByteCount)
    buffer.count += NumberText.write(Int64(value), to: buffer.base + buffer.count)
    buffer.append("\r\n" as StaticString)
  }
}
