// The head of a response, as bytes.

import NIOCore
import NIOHTTP1

enum HTTPHead {
  enum Streaming {
    case chunks
    /// What comes ends with the connection.
    case untilEnd
  }

  /// - Parameters:
  ///   - isLast: Whether the connection ends with this response.
  ///   - streaming: How a body that comes in pieces is framed; nil where the body is whole.
  static func append(_ response: HTTPResponse, isLast: Bool, streaming: Streaming? = nil, to out: inout ByteBuffer) {
    if response.status == 200 {
      out.writeStaticString("HTTP/1.1 200 OK\r\nContent-Type: ")
    } else {
      let status = HTTPResponseStatus(statusCode: response.status)
      out.writeString("HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\nContent-Type: ")
    }
    write(response.contentType, to: &out)
    for (name, value) in response.headers {
      out.writeStaticString("\r\n")
      write(name, to: &out)
      out.writeStaticString(": ")
      write(value, to: &out)
    }
    switch streaming {
    case .chunks: out.writeStaticString("\r\nTransfer-Encoding: chunked")
    case .untilEnd: break
    case nil where response.status == 204 || response.status == 304: break
    case nil:
      out.writeStaticString("\r\nContent-Length: ")
      append(response.body.count, to: &out)
    }
    if isLast {
      out.writeStaticString("\r\nConnection: close\r\n\r\n")
    } else {
      out.writeStaticString("\r\nConnection: keep-alive\r\n\r\n")
    }
  }

  /// A text of one line: nothing that a program puts into a header begins another.
  private static func write(_ text: String, to out: inout ByteBuffer) {
    if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      out.writeBytes(text.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 })
    } else {
      out.writeString(text)
    }
  }

  private static func append(_ number: Int, to out: inout ByteBuffer) {
    var divisor = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      out.writeInteger(UInt8(ascii: "0") + UInt8(number / divisor % 10))
      divisor /= 10
    }
  }
}
