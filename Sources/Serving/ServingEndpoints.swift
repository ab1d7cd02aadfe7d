// What there is under which path.

import Base
import Features
import HTTPServer
import Monitoring

struct ServingEndpoints: Sendable {
  private let plan: ServingPlan
  private let shared: LookupShared
  private let progress: ServingProgress
  private let startedAt: Int64
  private let batchStatus: (@Sendable () -> StatusDocument.Batch?)?

  /// Open also where a token is asked for.
  private static let openPaths: Set<String> = ["/healthz", "/livez", "/readyz"]

  init(
    _ plan: ServingPlan, _ shared: LookupShared, _ progress: ServingProgress, startedAt: Int64,
    batchStatus: (@Sendable () -> StatusDocument.Batch?)?
  ) {
    self.batchStatus = batchStatus
    self.plan = plan
    self.shared = shared
    self.progress = progress
    self.startedAt = startedAt
  }

  var serverVersion: String { shared.settings.version }

  var router: HTTPRouter {
    var router = HTTPRouter()
    if let token = shared.settings.token.map(BearerToken.init) {
      router.before { request in
        guard !Self.openPaths.contains(request.path), !token.isIn(request.header("Authorization")) else { return nil }
        var refusal = HTTPResponse.detail("this server wants a token: Authorization: Bearer ...", status: 401)
        refusal.headers = [("WWW-Authenticate", "Bearer")]
        return refusal
      }
    }
    router.on("POST", "/get-online-features", .asynchronous { online($0, $1) })
    router.on("GET", "/features/{service}", .asynchronous { features($0, $1) })
    router.on("GET", "/features/{service}/{key}", .asynchronous { features($0, $1) })
    router.on("GET", "/services", .immediate { _ in HTTPResponse(contentType: HTTPResponse.jsonType, body: plan.document) })
    router.on("GET", "/openapi.json", .immediate { _ in HTTPResponse(contentType: HTTPResponse.jsonType, body: openAPI) })
    router.on("GET", "/healthz", .immediate { _ in .text("live") })
    router.on("GET", "/livez", .immediate { _ in .text("live") })
    router.on("GET", "/readyz", .immediate { _ in ready })
    router.on("GET", "/metrics", .immediate { _ in metrics })
    router.on("GET", StatusDocument.path, .immediate { _ in HTTPResponse(contentType: HTTPResponse.jsonType, body: status) })
    return router
  }

  // MARK: Features

  private func online(_ request: HTTPRequest, _ reply: HTTPReply) {
    let received = shared.clock.monotonicNanoseconds
    do throws(RequestFault) {
      let wanted = try FeatureRequest(json: request.body, plan, rowLimit: shared.settings.entityCountMax)
      put(wanted, reply, isFeast: true, received)
    } catch {
      refuse(reply, error.response, "get-online-features")
    }
  }

  private func features(_ request: HTTPRequest, _ reply: HTTPReply) {
    let received = shared.clock.monotonicNanoseconds
    do throws(RequestFault) {
      guard let pairs = HTTPText.pairs(ofQuery: request.query ?? "") else {
        throw RequestFault(400, "a percent sign of the query is not followed by two hexadecimal digits")
      }
      let name = String(decoding: request.parameter("service") ?? [], as: UTF8.self)
      let wanted = try FeatureRequest(
        plan.service(named: name), key: request.parameter("key"), pairs: pairs, rowLimit: shared.settings.entityCountMax)
      put(wanted, reply, isFeast: false, received)
    } catch {
      refuse(reply, error.response, "features")
    }
  }

  private func refuse(_ reply: HTTPReply, _ response: HTTPResponse, _ endpoint: String) {
    reply(response)
    shared.counts.withLock { $0.note(endpoint, response.status) }
  }

  private static let full = LookupShared.unavailable("too many requests wait; try again")
  private static let late = HTTPResponse.detail("the answer took too long", status: 504)

  private func put(_ request: FeatureRequest, _ reply: HTTPReply, isFeast: Bool, _ received: UInt64) {
    reply.expire(
      afterMilliseconds: request.service.timeoutMilliseconds ?? shared.settings.timeoutMilliseconds, with: Self.late)
    let job = LookupJob(
      request: request, reply: reply, isFeast: isFeast, receivedAt: received, queuedAt: shared.clock.monotonicNanoseconds)
    guard shared.queue.put(job, weight: request.weight) else {
      return refuse(reply, Self.full, isFeast ? "get-online-features" : "features")
    }
  }

  // MARK: How it is

  private var ready: HTTPResponse {
    if let trouble = shared.trouble { return .text("the feature store does not answer: \(trouble)", status: 503) }
    return .text("ready: \(plan.services.count) services")
  }

  private var section: StatusDocument.Serve {
    var serve = StatusDocument.Serve()
    let counts = shared.counts.withLock { $0 }
    for (answer, count) in counts.answers { serve.requests["\(answer.code)", default: 0] += count }
    serve.rows = counts.rowCount
    serve.waitingRequests = shared.queue.count
    shared.measures.fill(&serve)
    return serve
  }

  private var status: [UInt8] {
    var document = StatusDocument(
      version: shared.settings.version, pipeline: plan.pipeline.name, instance: shared.settings.instance, startedAt: startedAt,
      now: shared.clock.nowMilliseconds)
    if let trouble = shared.trouble { document.obstacles = ["the feature store does not answer: \(trouble)"] }
    document.serve = section
    document.batch = batchStatus?()
    // Its types are the program's own.
    return Array(try! MonitoringJSON.data(of: document))
  }

  private var metrics: HTTPResponse {
    let counts = shared.counts.withLock { $0 }
    let text = counts.text(
      shared.settings, pipelineName: plan.pipeline.name, isReady: shared.trouble == nil, waiting: shared.queue.count,
      section, batchStatus?(), startedAt: startedAt)
    return HTTPResponse(contentType: MetricsText.contentType, body: Array(text.utf8))
  }
}
