// A monitor at work: a thread per process that is asked for its status, one that looks at the store and samples lanes, one that puts together what they
// see. A process that hangs holds nobody up but its own thread.
//
//   pollers (2 Hz), store (1 Hz), probes --> model, under one lock --> snapshot (4 Hz) --> terminal, page, JSON

import Base
import Features
import Foundation
import HTTPTransport
import Monitoring
import RedisStore
import Serving
import Synchronization

final class MonitorRun: Sendable {
  struct Settings: Sendable {
    var windowSeconds = 60
    /// What probes say, where there are any.
    var probes: (@Sendable () -> ProbeReport?)?
    /// The thread that puts together looks so often, in ms.
    var tickMilliseconds: UInt32 = 250
  }

  private let model: Mutex<MonitorModel>
  private let newest = Mutex<MonitorSnapshot?>(nil)
  private let targets: [URL]
  private let setup: ServingSetup?
  private let settings: Settings
  private let isStopping = Atomic<Bool>(false)
  private let threads = Mutex<[JoinableThread]>([])
  private let client = HTTPClient(timeoutMilliseconds: MonitorRun.answerMilliseconds)
  private let clock = SystemClock()

  private static let pollMicroseconds: UInt64 = 500_000
  /// How long a process has to answer.
  private static let answerMilliseconds = 700

  /// - Parameters:
  ///   - setup: The pipeline and its store; nil where it has none that can be looked into.
  ///   - definition: The pipeline where there is no store; nil where only addresses are known.
  ///   - targets: Addresses of processes, `http://HOST:PORT`.
  init(
    _ setup: ServingSetup?, definition: PipelineDefinition? = nil, targets: [String], settings: Settings = Settings()
  ) throws(Failure) {
    self.targets = try targets.map { target throws(Failure) in try Self.statusURL(target) }
    self.setup = setup
    self.settings = settings
    let pipeline = (setup?.pipeline ?? definition).map { MonitoredPipeline($0) } ?? MonitoredPipeline(name: "")
    let model = MonitorModel(pipeline, targets: targets, windowSeconds: settings.windowSeconds, clock: clock)
    self.model = Mutex(model)
  }

  private static func statusURL(_ target: String) throws(Failure) -> URL {
    var text = target
    while text.hasSuffix("/") { text.removeLast() }
    guard let url = URL(string: text + StatusDocument.path), ["http", "https"].contains(url.scheme ?? ""), url.host != nil else {
      throw Failure(.usage, "expected a pipeline's file or an address like http://127.0.0.1:9464, found '\(target)'")
    }
    return url
  }

  /// The first of the targets that answers as a feature server of a pipeline now.
  static func featureServer(of pipeline: String, among targets: [String]) -> String? {
    let client = HTTPClient(timeoutMilliseconds: answerMilliseconds)
    return targets.first { target in
      guard let document = try? document(at: statusURL(target), client) else { return false }
      return document.serve != nil && document.pipeline == pipeline
    }
  }

  /// How things stand; nil before the first look.
  var snapshot: MonitorSnapshot? { newest.withLock { $0 } }

  var windowSeconds: Int {
    get { model.withLock { $0.windowSeconds } }
    set { model.withLock { $0.windowSeconds = newValue } }
  }

  func note(_ level: MonitorSnapshot.Event.Level, _ text: String) { model.withLock { $0.note(level, text) } }

  func start() {
    threads.withLock { threads in
      for index in targets.indices { threads.append(JoinableThread { [self] in poll(index) }) }
      if setup != nil { threads.append(JoinableThread { [self] in lookAtStore() }) }
      threads.append(JoinableThread { [self] in putTogether() })
    }
  }

  /// Called once.
  func stop() {
    isStopping.store(true, ordering: .relaxed)
    client.cancel()
    for thread in threads.withLock({ $0 }) { try? thread.join() }
  }

  private var mayGoOn: Bool { !isStopping.load(ordering: .relaxed) }

  private func pause(until time: UInt64) {
    while mayGoOn, clock.monotonicNanoseconds < time { usleep(20_000) }
  }

  // MARK: Threads

  private func poll(_ index: Int) {
    while mayGoOn {
      let begun = clock.monotonicNanoseconds
      let requestedAt = Date().timeIntervalSince1970 * 1000
      do {
        let document = try Self.document(at: targets[index], client)
        let answeredAt = Date().timeIntervalSince1970 * 1000
        model.withLock { $0.note(document, from: index, requestedAt: requestedAt, answeredAt: answeredAt) }
      } catch {
        guard mayGoOn else { return }
        let reason = (error as? NoResponse)?.reason ?? (error as? Failure)?.message ?? "\(error)"
        // Nobody listens: known at once.
        let isRefused = clock.monotonicNanoseconds - begun < 300_000_000
        model.withLock { $0.note(failure: reason, isRefused: isRefused, of: index) }
      }
      pause(until: begun + Self.pollMicroseconds * 1000)
    }
  }

  private static func document(at url: URL, _ client: HTTPClient) throws -> StatusDocument {
    let response = try client.send("GET", url)
    guard response.status == 200 else {
      throw Failure(.unavailable, "HTTP \(response.status) from \(url.path): is it a process of Freshet, and not an older one?")
    }
    do { return try MonitoringJSON.decode(StatusDocument.self, from: response.body) } catch {
      throw Failure(.badData, "what \(url.path) says is no status of Freshet")
    }
  }

  private func lookAtStore() {
    guard let setup else { return }
    var store: StoreWatch?
    while mayGoOn {
      let begun = clock.monotonicNanoseconds
      do {
        if store == nil { store = try StoreWatch(setup) }
        let seen = try store!.look()
        model.withLock { model in
          model.note(store: setup.address.description, trouble: nil)
          model.note(published: seen.published)
          model.note(seen.samples, truncated: seen.truncated)
        }
      } catch {
        store = nil
        model.withLock { $0.note(store: setup.address.description, trouble: (error as? Failure)?.message ?? "\(error)") }
      }
      pause(until: begun + 1_000_000_000)
    }
  }

  private func putTogether() {
    while mayGoOn {
      let report = settings.probes?()
      let snapshot = model.withLock { model in
        model.note(report)
        return model.snapshot()
      }
      newest.withLock { $0 = snapshot }
      usleep(settings.tickMilliseconds * 1000)
    }
  }
}

/// What can be seen in the store itself. Belongs to one thread.
private final class StoreWatch {
  private let setup: ServingSetup
  private let reader: RedisReader
  private let sampler: LaneSampler?
  private let batchViews: [String]

  init(_ setup: ServingSetup) throws {
    self.setup = setup
    reader = RedisReader(try setup.connection())
    sampler = try LaneSampler(setup)
    batchViews = setup.pipeline.views.filter { $0.lanes.contains(.batch) }.map(\.name)
  }

  func look() throws -> (
    published: [(name: String, asOf: Int64, publishedAt: Int64)], samples: [LaneSample], truncated: Int
  ) {
    let keys = batchViews.map { BatchPointer.key(prefix: setup.prefix, pipeline: setup.pipeline.name, view: $0) }
    let pointers = try reader.hashes(keys.isEmpty ? ["\(setup.prefix):_freshet:none"] : keys)
    let published = zip(batchViews, pointers).compactMap { name, fields in
      BatchPointer(fields).map { (name, $0.asOf, $0.publishedAt) }
    }
    let (samples, truncated) = try sampler?.sample() ?? ([], 0)
    return (published, samples, truncated)
  }
}
