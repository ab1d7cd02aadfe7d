// The monitor's page: one document with its style and script, the snapshots as server-sent events, and nothing from anywhere else. A snapshot is written
// once per tick, however many look; the first event of a client has the whole history, those that follow only what is new.
// https://html.spec.whatwg.org/multipage/server-sent-events.html

import Base
import Foundation
import HTTPServer
import Logging
import Synchronization

public final class MonitorWebServer: Sendable {
  public var address: ListenAddress { server.address }
  private let server: HTTPServer
  private let feed: Feed
  private let thread: JoinableThread

  private static let tickNanoseconds: UInt64 = 500_000_000

  /// Listens from now on.
  ///
  /// - Parameters:
  ///   - probes: For `/metrics`, which have all markers since the start.
  ///   - snapshot: The newest one; nil before the first.
  public init(
    _ address: ListenAddress, logger: Logger = Logger(label: "freshet.monitor"), clock: any Clock = SystemClock(),
    probes: @escaping @Sendable () -> ProbeReport? = { nil }, snapshot: @escaping @Sendable () -> MonitorSnapshot?
  ) throws {
    let feed = Feed(snapshot)
    self.feed = feed
    var router = HTTPRouter()
    if address.isLoopback {
      // Pages of others must not read this one by a name of theirs that leads here (DNS rebinding).
      router.before {
        Self.isOwn(host: $0.header("Host")) ? nil : MonitorPage.text("this page is for this machine alone", status: 421)
      }
    }
    router.on("GET", "/", .immediate { _ in MonitorPage.document })
    router.on("GET", "/monitor.css", .immediate { _ in MonitorPage.style })
    router.on("GET", "/monitor.js", .immediate { _ in MonitorPage.script })
    router.on("GET", "/plots.js", .immediate { _ in MonitorPage.plots })
    router.on("GET", "/favicon.ico", .immediate { _ in MonitorPage.answer("image/x-icon", [], status: 204) })
    router.on(
      "GET", "/events",
      .streaming { _, stream in
        guard stream.begin(headers: MonitorPage.commonHeaders) else { return }
        // A client that lost it comes again after a second.
        stream.send("retry: 1000\n\n")
        feed.add(stream)
      })
    router.on("GET", "/snapshot.json", .immediate { _ in feed.document })
    router.on("GET", "/livez", .immediate { _ in MonitorPage.text("live") })
    router.on(
      "GET", "/metrics",
      .immediate { _ in
        MonitorPage.answer(MetricsText.contentType, Array(MonitorMetrics.text(snapshot(), probes: probes()).utf8))
      })
    var limits = HTTPLimits()
    limits.connectionCountMax = 64
    // The history of ten minutes and a thousand views are less than this; a client that leaves more untaken is cut off.
    limits.streamByteCountMax = 8 << 20
    server = try HTTPServer(address, router, limits: limits, logger: logger)
    thread = JoinableThread {
      var due = clock.monotonicNanoseconds
      while feed.isOpen {
        if clock.monotonicNanoseconds >= due {
          due = clock.monotonicNanoseconds + Self.tickNanoseconds
          feed.tick()
        }
        usleep(20_000)
      }
    }
  }

  /// Called once.
  public func stop() {
    feed.close()
    try? thread.join()
    server.stop()
  }

  /// Whether a Host header names this machine itself: `localhost`, an address of 127.0.0.0/8 or `[::1]`, with a port or none. A name that only begins like one,
  /// `127.0.0.1.example.com`, is somebody else's.
  static func isOwn(host: String?) -> Bool {
    guard let host = host?.lowercased() else { return false }
    let isBracketed = host.hasPrefix("[")
    let end = isBracketed ? host.firstIndex(of: "]").map { host.index(after: $0) } : host.firstIndex(of: ":") ?? host.endIndex
    guard let end else { return false }
    let rest = host[end...].utf8
    guard rest.isEmpty || (rest.first == UInt8(ascii: ":") && rest.dropFirst().allSatisfy { (0x30...0x39).contains($0) }) else {
      return false
    }
    let name = host[..<end]
    guard !isBracketed else { return name == "[::1]" }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return name == "localhost"
      || (parts.count == 4 && parts[0] == "127"
        && parts.allSatisfy { part in part.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8(part) != nil })
  }
}

/// Those who look, and what they have been told.
private final class Feed: Sendable {
  private struct State {
    var isOpen = true
    var fresh: [HTTPStream] = []
    var streams: [HTTPStream] = []
    /// The newest point of the history and comparison that have been told.
    var pointAt: Int64 = 0
    var errorPointAt: Int64 = 0
    var number = 0
  }

  private let state = Mutex(State())
  private let snapshot: @Sendable () -> MonitorSnapshot?

  init(_ snapshot: @escaping @Sendable () -> MonitorSnapshot?) { self.snapshot = snapshot }

  var isOpen: Bool { state.withLock { $0.isOpen } }
  func close() { state.withLock { $0.isOpen = false } }
  func add(_ stream: HTTPStream) { state.withLock { $0.fresh.append(stream) } }

  var document: HTTPResponse {
    guard let snapshot = snapshot(), let data = try? MonitoringJSON.data(of: snapshot) else {
      return MonitorPage.text("nothing has been seen yet", status: 503)
    }
    return MonitorPage.answer("application/json", Array(data))
  }

  func tick() {
    guard let whole = snapshot() else {
      // Whoever looks already is told that the monitor lives, and goes on waiting for the whole.
      let waiting = state.withLock { state in
        state.fresh.removeAll { !$0.isOpen }
        return state.fresh
      }
      for stream in waiting { stream.send("event: waiting\ndata: {}\n\n") }
      return
    }
    let (fresh, streams, number, pointAt, errorPointAt) = state.withLock { state in
      state.number += 1
      let told = (state.fresh, state.streams, state.number, state.pointAt, state.errorPointAt)
      state.streams = (state.streams + state.fresh).filter(\.isOpen)
      state.fresh = []
      state.pointAt = whole.history.last?.at ?? state.pointAt
      state.errorPointAt = whole.errorPoints.last?.at ?? state.errorPointAt
      return told
    }
    if !streams.isEmpty {
      var update = whole
      update.history = whole.history.filter { $0.at > pointAt }
      update.errorPoints = whole.errorPoints.filter { $0.at > errorPointAt }
      send("update", update, number, to: streams)
    }
    if !fresh.isEmpty { send("full", whole, number, to: fresh) }
  }

  private func send(_ event: String, _ snapshot: MonitorSnapshot, _ number: Int, to streams: [HTTPStream]) {
    guard let data = try? MonitoringJSON.data(of: snapshot) else { return }
    let bytes = Array("event: \(event)\nid: \(number)\ndata: ".utf8) + Array(data) + Array("\n\n".utf8)
    for stream in streams { stream.send(bytes) }
  }
}
