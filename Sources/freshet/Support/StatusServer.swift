// What every daemon answers by HTTP: /livez, /readyz, /metrics and /status.json.

import Base
import Foundation
import HTTPServer
import Logging
import Monitoring

struct StatusServer: Sendable {
  /// What stands between the process and its work; empty where it is ready.
  var obstacles: @Sendable () -> [String]
  /// What does not move; empty where all lives.
  var stalls: @Sendable () -> [String] = { [] }
  /// One line for people while all is well.
  var summary: @Sendable () -> String
  /// In Prometheus' text format.
  var metrics: @Sendable () -> String
  /// Fills in the sections of what the process does.
  var fill: @Sendable (inout StatusDocument) -> Void
  var pipelineName: String
  var startedAt: Int64

  /// `host:pid`.
  static let instance = "\(ProcessInfo.processInfo.hostName):\(ProcessInfo.processInfo.processIdentifier)"

  func document(now: Int64) -> StatusDocument {
    var document = StatusDocument(
      version: Freshet.version, pipeline: pipelineName, instance: Self.instance, startedAt: startedAt, now: now)
    document.obstacles = obstacles()
    fill(&document)
    return document
  }

  func router(clock: any Clock = SystemClock()) -> HTTPRouter {
    var router = HTTPRouter()
    router.on("GET", "/livez", .immediate { _ in Self.answer(stalls(), else: "live") })
    router.on("GET", "/readyz", .immediate { _ in Self.answer(obstacles(), else: "ready: \(summary())") })
    router.on(
      "GET", "/metrics",
      .immediate { _ in HTTPResponse(contentType: MetricsText.contentType, body: Array(metrics().utf8)) })
    router.on(
      "GET", StatusDocument.path,
      .immediate { _ in
        // Its types are the program's own.
        let data = try! MonitoringJSON.data(of: document(now: clock.nowMilliseconds))
        return HTTPResponse(contentType: "application/json", body: Array(data))
      })
    return router
  }

  /// Answers from now on, and says where.
  ///
  /// - Parameter label: Of the logger.
  func start(at address: ListenAddress, label: String) throws -> HTTPServer {
    let server = try HTTPServer(address, router())
    Logger(label: label).notice(
      "started", metadata: ["pipeline": "\(pipelineName)", "version": "\(Freshet.version)", "http": "\(server.address)"])
    return server
  }

  private static func answer(_ reasons: [String], else text: String) -> HTTPResponse {
    reasons.isEmpty ? .text(text) : .text(reasons.joined(separator: "\n"), status: 503)
  }
}
