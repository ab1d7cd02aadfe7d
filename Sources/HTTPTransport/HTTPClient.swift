// One request, one answer, for a thread that waits: URLSession underneath. Redirects are not followed, because a POST would become a GET on the
// way and its body be lost; cookies and caches are off.

import Base
import Dispatch
import Foundation
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

public struct HTTPResponse: Sendable {
  public var status: Int
  /// At most `HTTPClient.bodyByteLimit` bytes of the body.
  public var body: Data
  /// What `Retry-After` asks for, in ms from now; never negative.
  public var retryAfterMilliseconds: Int64?
  public var location: String?

  /// The status and the beginning of the body, on one line.
  var summary: String {
    if (300..<400).contains(status), let location { return "HTTP \(status) to \(location); give that address instead" }
    let text = String(decoding: body.prefix(400), as: UTF8.self).split { $0.isWhitespace || $0.isNewline }.joined(separator: " ")
    return text.isEmpty ? "HTTP \(status)" : "HTTP \(status): \(text.prefix(200))"
  }
}

/// No answer came: no connection, a broken one, or none in time. Trying again can help.
public struct NoResponse: Error, Sendable {
  public var reason: String
}

public final class HTTPClient: Sendable {
  static let bodyByteLimit = 4 << 20

  private struct Memory {
    var open: [ObjectIdentifier: Exchange] = [:]
    var isCancelled = false
  }

  private let memory = Mutex(Memory())
  private let timeoutMilliseconds: Int

  /// - Parameter timeoutMilliseconds: how long one request may take, its answer included.
  public init(timeoutMilliseconds: Int = 30_000) { self.timeoutMilliseconds = timeoutMilliseconds }

  /// Sends and waits. A later header replaces an earlier one of the same name.
  public func send(
    _ method: String, _ url: URL, headers: [(name: String, value: String)] = [], body: Data? = nil
  ) throws(NoResponse) -> HTTPResponse {
    var request = URLRequest(url: url)
    request.httpMethod = method
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    request.httpBody = body
    let exchange = Exchange()
    let isCancelled = memory.withLock { memory in
      memory.open[ObjectIdentifier(exchange)] = exchange
      return memory.isCancelled
    }
    defer { memory.withLock { $0.open[ObjectIdentifier(exchange)] = nil } }
    guard !isCancelled else { throw NoResponse(reason: "given up") }
    // A session, and so a connection, for each request: where a kept connection turns out to be closed, Foundation on Linux sends the request
    // again without its body, and spins until the timeout.
    let session = URLSession(configuration: configuration, delegate: exchange, delegateQueue: nil)
    defer { session.finishTasksAndInvalidate() }
    let task = session.dataTask(with: request)
    task.resume()
    defer { task.cancel() }
    return try exchange.wait(upToMilliseconds: timeoutMilliseconds).get()
  }

  /// Ends what is under way, and what is begun later: each `send` throws.
  public func cancel() {
    let open = memory.withLock { memory in
      memory.isCancelled = true
      return Array(memory.open.values)
    }
    for exchange in open { exchange.settle(.failure(NoResponse(reason: "given up"))) }
  }

  private var configuration: URLSessionConfiguration {
    let configuration = URLSessionConfiguration.ephemeral
    // Whole seconds: parts of one are lost on Linux. The waiting thread keeps the time itself.
    configuration.timeoutIntervalForRequest = (Double(timeoutMilliseconds) / 1000).rounded(.up) + 1
    configuration.timeoutIntervalForResource = (Double(timeoutMilliseconds) / 1000).rounded(.up) + 1
    configuration.httpCookieStorage = nil
    configuration.httpShouldSetCookies = false
    configuration.urlCache = nil
    configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
    return configuration
  }
}

/// One request under way. URLSession calls from its own queue; the thread that sent waits.
private final class Exchange: NSObject, URLSessionDataDelegate, Sendable {
  private struct Memory {
    var body = Data()
    var outcome: Result<HTTPResponse, NoResponse>?
  }

  private let memory = Mutex(Memory())
  private let isDone = DispatchSemaphore(value: 0)

  func wait(upToMilliseconds limit: Int) -> Result<HTTPResponse, NoResponse> {
    guard isDone.wait(timeout: .now() + .milliseconds(limit)) == .success else {
      settle(.failure(NoResponse(reason: "no answer within \(limit) ms")))
      return memory.withLock { $0.outcome! }
    }
    return memory.withLock { $0.outcome } ?? .failure(NoResponse(reason: "ended without an answer"))
  }

  /// The first outcome counts.
  func settle(_ outcome: Result<HTTPResponse, NoResponse>) {
    memory.withLock { $0.outcome = $0.outcome ?? outcome }
    isDone.signal()
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    memory.withLock { $0.body.append(data.prefix(HTTPClient.bodyByteLimit - $0.body.count)) }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest,
    completionHandler: @escaping (URLRequest?) -> Void
  ) {
    completionHandler(nil)
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    settle(Self.outcome(task, error, memory.withLock { $0.body }))
  }

  private static func outcome(_ task: URLSessionTask, _ error: (any Error)?, _ body: Data) -> Result<HTTPResponse, NoResponse> {
    if let error { return .failure(NoResponse(reason: reason(error))) }
    guard let response = task.response as? HTTPURLResponse else { return .failure(NoResponse(reason: "not an HTTP answer")) }
    return .success(
      HTTPResponse(
        status: response.statusCode, body: body,
        retryAfterMilliseconds: response.value(forHTTPHeaderField: "Retry-After").flatMap {
          RetryPolicy.retryAfter($0, nowMilliseconds: SystemClock().nowMilliseconds)
        },
        location: response.value(forHTTPHeaderField: "Location")))
  }

  /// URLSession's errors in words that say what to look at.
  private static func reason(_ error: any Error) -> String {
    guard let error = error as? URLError else { return error.localizedDescription }
    switch error.code {
    case .cannotConnectToHost: return "connection refused"
    case .cannotFindHost, .dnsLookupFailed: return "unknown host"
    case .timedOut: return "no answer in time"
    case .networkConnectionLost: return "the connection was closed"
    case .cancelled: return "given up"
    case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasUnknownRoot, .serverCertificateHasBadDate:
      return "no trust in the server's certificate: \(error.localizedDescription)"
    default: return error.localizedDescription
    }
  }
}
