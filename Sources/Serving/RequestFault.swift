// What is wrong with a request, for whoever sent it.

import Base
import HTTPServer

/// Answered with its status and `{"detail": ...}`.
struct RequestFault: Error, Equatable {
  /// 400: not understood; 404: there is no such thing; 422: understood, but not possible.
  var status: Int
  var detail: String

  init(_ status: Int, _ detail: String) {
    self.status = status
    self.detail = detail
  }

  var response: HTTPResponse { .detail(detail, status: status) }
}

extension HTTPResponse {
  static let jsonType = "application/json"

  /// `{"detail": "..."}`, as Feast's server words its errors.
  static func detail(_ text: String, status: Int) -> HTTPResponse {
    HTTPResponse(status: status, contentType: jsonType, body: Array("{\"detail\":\(JSONText.quoted(text))}".utf8))
  }

  /// A document that was written into a buffer.
  static func json(_ buffer: ByteBuffer) -> HTTPResponse { HTTPResponse(contentType: jsonType, body: Array(buffer.bytes)) }
}
