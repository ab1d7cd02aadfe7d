// A request as handlers see it, a response as they give it, and the table that finds the handler of a path.

/// A whole request: its head has been read, and all of its body.
public struct HTTPRequest: Sendable {
  /// In capitals: `GET`.
  public var method: String
  /// Without the query, as it came: percent signs are not resolved.
  public var path: String
  /// What follows the `?`; nil where there is none.
  public var query: String?
  /// In the order in which they came.
  public var headers: [(name: String, value: String)]
  public var body: [UInt8]

  /// The first header of a name, whatever its case.
  public func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
}

public struct HTTPResponse: Sendable {
  public var status: Int
  /// Besides Content-Type, Content-Length and Connection, which the server writes.
  public var headers: [(name: String, value: String)] = []
  public var contentType: String
  public var body: [UInt8]

  public init(status: Int = 200, contentType: String, body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// Plain text; a line's end is added where it lacks one.
  public static func text(_ text: String, status: Int = 200) -> HTTPResponse {
    HTTPResponse(
      status: status, contentType: "text/plain; charset=utf-8", body: Array((text.hasSuffix("\n") ? text : text + "\n").utf8))
  }
}

/// What answers the requests of a path.
public enum HTTPHandler: Sendable {
  /// Runs on the thread that serves connections, and must not wait for anything.
  case immediate(@Sendable (HTTPRequest) -> HTTPResponse)
  /// Runs on a thread of a pool and may wait, for a database say; other connections are served meanwhile.
  case waiting(@Sendable (HTTPRequest) -> HTTPResponse)
}

/// Handlers by path and method. Paths are compared byte by byte. A path that takes GET takes HEAD.
public struct HTTPRouter: Sendable {
  private var routes: [String: [String: HTTPHandler]] = [:]

  public init() {}

  /// Adds a handler, or replaces the one that is there.
  public mutating func on(_ method: String, _ path: String, _ handler: HTTPHandler) {
    precondition(path.hasPrefix("/"), "a path begins with a slash")
    routes[path, default: [:]][method] = handler
  }

  enum Outcome {
    case handler(HTTPHandler)
    case refusal(HTTPResponse)
  }

  func outcome(of method: String, _ path: String) -> Outcome {
    guard let handlers = routes[path] else {
      let known = routes.keys.sorted().joined(separator: " ")
      return .refusal(.text("there is nothing at this path; there is \(known)", status: 404))
    }
    if let handler = handlers[method] ?? (method == "HEAD" ? handlers["GET"] : nil) { return .handler(handler) }
    let allowed = (Array(handlers.keys) + (handlers["GET"] == nil ? [] : ["HEAD"])).sorted().joined(separator: ", ")
    var refusal = HTTPResponse.text("this path takes \(allowed)", status: 405)
    refusal.headers = [("Allow", allowed)]
    return .refusal(refusal)
  }
}
