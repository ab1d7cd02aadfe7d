// Which handler answers a request: by method and path. A path is compared byte by byte; a segment of a route that is a name in braces,
// `/features/{service}/{key}`, takes any segment that is not empty, and has its percent signs resolved only after the path was cut into segments,
// so that no `%2F` or `..` ever leads elsewhere.

/// What answers the requests of a path.
public enum HTTPHandler: Sendable {
  /// Runs on the thread that serves connections, and must not wait for anything.
  case immediate(@Sendable (HTTPRequest) -> HTTPResponse)
  /// Runs on a thread of a pool and may wait, for a database say; other connections are served meanwhile.
  case waiting(@Sendable (HTTPRequest) -> HTTPResponse)
  /// Begins on the thread that serves connections, and must not wait there; the answer comes through the reply, from any thread.
  case asynchronous(@Sendable (HTTPRequest, HTTPReply) -> Void)
  /// Begins on the thread that serves connections, and must not wait there; the answer comes in pieces, from any thread, for as long as it likes.
  case streaming(@Sendable (HTTPRequest, HTTPStream) -> Void)
}

/// Handlers by path and method. A path that takes GET takes HEAD.
public struct HTTPRouter: Sendable {
  private struct Pattern: Sendable {
    var text: String
    /// The name of a parameter, or the segment itself.
    var segments: [(isParameter: Bool, text: String)]
    var handlers: [String: HTTPHandler] = [:]
  }

  private var routes: [String: [String: HTTPHandler]] = [:]
  private var patterns: [Pattern] = []
  /// Nil lets the request pass.
  private var guardian: (@Sendable (HTTPRequest) -> HTTPResponse?)?

  public init() {}

  /// Adds a handler, or replaces the one that is there. A path without names in braces goes before one with them.
  public mutating func on(_ method: String, _ path: String, _ handler: HTTPHandler) {
    precondition(path.hasPrefix("/"), "a path begins with a slash")
    guard path.contains("{") else {
      routes[path, default: [:]][method] = handler
      return
    }
    if let index = patterns.firstIndex(where: { $0.text == path }) {
      patterns[index].handlers[method] = handler
      return
    }
    let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { segment in
      let isParameter = segment.hasPrefix("{") && segment.hasSuffix("}")
      return (isParameter, String(isParameter ? segment.dropFirst().dropLast() : segment))
    }
    patterns.append(Pattern(text: path, segments: segments, handlers: [method: handler]))
  }

  /// Has `check` look at each request before its handler is found; what it returns is the answer.
  public mutating func before(_ check: @escaping @Sendable (HTTPRequest) -> HTTPResponse?) { guardian = check }

  enum Outcome {
    case handler(HTTPHandler)
    case refusal(HTTPResponse)
  }

  /// - Parameter request: Is given the parameters of its path.
  func outcome(of request: inout HTTPRequest) -> Outcome {
    if let refusal = guardian?(request) { return .refusal(refusal) }
    if let handlers = routes[request.path] { return outcome(of: request.method, handlers) }
    for pattern in patterns {
      guard let values = Self.match(pattern, request.path) else { continue }
      for (name, text) in values {
        guard let bytes = HTTPText.resolved(text) else {
          return .refusal(.text("a percent sign of the path is not followed by two hexadecimal digits", status: 400))
        }
        request.parameters.append((name, bytes))
      }
      return outcome(of: request.method, pattern.handlers)
    }
    let known = (Array(routes.keys) + patterns.map(\.text)).sorted().joined(separator: " ")
    return .refusal(.text("there is nothing at this path; there is \(known)", status: 404))
  }

  private func outcome(of method: String, _ handlers: [String: HTTPHandler]) -> Outcome {
    if let handler = handlers[method] ?? (method == "HEAD" ? handlers["GET"] : nil) { return .handler(handler) }
    let allowed = (Array(handlers.keys) + (handlers["GET"] == nil ? [] : ["HEAD"])).sorted().joined(separator: ", ")
    var refusal = HTTPResponse.text("this path takes \(allowed)", status: 405)
    refusal.headers.append(("Allow", allowed))
    return .refusal(refusal)
  }

  /// The parameters as they stand in the path; nil where it is another.
  private static func match(_ pattern: Pattern, _ path: String) -> [(String, Substring.UTF8View)]? {
    let parts = path.utf8.split(
      separator: UInt8(ascii: "/"), maxSplits: pattern.segments.count + 1, omittingEmptySubsequences: false)
    guard parts.count == pattern.segments.count + 1, parts[0].isEmpty else { return nil }
    var values: [(String, Substring.UTF8View)] = []
    for (segment, part) in zip(pattern.segments, parts.dropFirst()) {
      if segment.isParameter {
        guard !part.isEmpty else { return nil }
        values.append((segment.text, part))
      } else if !part.elementsEqual(segment.text.utf8) {
        return nil
      }
    }
    return values
  }
}

/// Percent signs and queries (RFC 3986; queries as HTML forms write them).
public enum HTTPText {
  /// The bytes that a text stands for; nil where a percent sign is not followed by two hexadecimal digits.
  public static func resolved(_ text: some Collection<UInt8>, plusIsSpace: Bool = false) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var index = text.startIndex
    while index < text.endIndex {
      let byte = text[index]
      index = text.index(after: index)
      guard byte == UInt8(ascii: "%") else {
        bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
        continue
      }
      guard index < text.endIndex, let high = digit(text[index]) else { return nil }
      index = text.index(after: index)
      guard index < text.endIndex, let low = digit(text[index]) else { return nil }
      index = text.index(after: index)
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  /// The names and values of a query, in its order; a name without `=` has an empty value. Nil where percent signs are damaged.
  public static func pairs(ofQuery query: String) -> [(name: [UInt8], value: [UInt8])]? {
    var pairs: [(name: [UInt8], value: [UInt8])] = []
    for part in query.utf8.split(separator: UInt8(ascii: "&")) {
      let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
      let rest = equals < part.endIndex ? part[part.index(after: equals)...] : part[equals...]
      guard let name = resolved(part[..<equals], plusIsSpace: true), let value = resolved(rest, plusIsSpace: true) else {
        return nil
      }
      pairs.append((name, value))
    }
    return pairs
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }
}
