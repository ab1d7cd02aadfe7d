// A request as handlers see it, and a response as they give it.

import NIOHTTP1

/// A whole request: its head has been read, and all of its body.
public struct HTTPRequest: Sendable {
  /// In capitals: `GET`.
  public var method: String
  /// Without the query, as it came: percent signs are not resolved.
  public var path: String
  /// What follows the `?`; nil where there is none.
  public var query: String?
  private let fields: HTTPHeaders
  public var body: [UInt8]
  /// What stands in the path where its route has a name in braces, percent signs resolved.
  public var parameters: [(name: String, value: [UInt8])] = []

  init(method: String, path: String, query: String?, _ fields: HTTPHeaders, body: [UInt8]) {
    self.method = method
    self.path = path
    self.query = query
    self.fields = fields
    self.body = body
  }

  /// In the order in which they came.
  public var headers: [(name: String, value: String)] { fields.map { ($0.name, Self.trimmed($0.value)) } }

  /// The value of a parameter of the route's path; any bytes.
  public func parameter(_ name: String) -> [UInt8]? { parameters.first { $0.name == name }?.value }

  /// The first header of a name, whatever its case.
  public func header(_ name: String) -> String? { fields.first(name: name).map(Self.trimmed) }

  /// Without white space at the end; RFC 9110, section 5.5.
  private static func trimmed(_ value: String) -> String {
    guard let last = value.utf8.last, last == 0x20 || last == 0x09 else { return value }
    var value = Substring(value)
    while value.last == " " || value.last == "\t" { value.removeLast() }
    return String(value)
  }
}

public struct HTTPResponse: Sendable {
  public var status: Int
  /// Besides Content-Type, Content-Length, Transfer-Encoding and Connection, which the server writes.
  public var headers: [(name: String, value: String)] = []
  public var contentType: String
  public var body: [UInt8]

  public init(status: Int = 200, contentType: String, body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// Plain text, and to be taken for nothing else; a line's end is added where it lacks one.
  public static func text(_ text: String, status: Int = 200) -> HTTPResponse {
    var response = HTTPResponse(
      status: status, contentType: "text/plain; charset=utf-8", body: Array((text.hasSuffix("\n") ? text : text + "\n").utf8))
    response.headers = [("X-Content-Type-Options", "nosniff")]
    return response
  }
}
