// Requests to the demo's feature server, as a product would send them: open loop, each at its intended time whatever became of those before, and
// timed from there.

import Base
import Foundation
import Measuring
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

final class DemoRequests: Sendable {
  /// From the intended time to the whole answer, of those that were answered with 200.
  let latencies = DurationHistogram()
  private let address: String
  private let users: RecentUsers
  private let period: UInt64
  private let isStopping = Atomic<Bool>(false)
  private let underWay = Atomic<Int>(0)
  private let counts = Mutex<[String: Int]>([:])
  private let session: URLSession
  private let thread = Mutex<JoinableThread?>(nil)

  /// More than that do not wait for their answers at a time.
  private static let underWayMax = 200
  private static let timeoutSeconds = 3.0

  /// - Parameter address: `http://127.0.0.1:PORT/features/SERVICE`.
  init(to address: String, perSecond: Int, users: RecentUsers) {
    self.address = address
    self.users = users
    period = 1_000_000_000 / UInt64(perSecond)
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = Self.timeoutSeconds
    configuration.urlCache = nil
    configuration.httpMaximumConnectionsPerHost = 8
    session = URLSession(configuration: configuration)
  }

  func start() {
    thread.withLock { thread in thread = JoinableThread { [self] in send() } }
  }

  func stop() {
    isStopping.store(true, ordering: .relaxed)
    try? thread.withLock { $0 }?.join()
    session.invalidateAndCancel()
  }

  /// Answers by status code; `failed` where there was none, `skipped` where too many were waiting.
  var outcomes: [String: Int] { counts.withLock { $0 } }

  private func send() {
    let clock = SystemClock()
    var random = Random(state: clock.monotonicNanoseconds)
    var intended = clock.monotonicNanoseconds
    while !isStopping.load(ordering: .relaxed) {
      let now = clock.monotonicNanoseconds
      if now < intended {
        usleep(UInt32(min(intended - now, 20_000_000) / 1000) + 1)
        continue
      }
      if let user = users.user(at: random.unit()) { ask(for: user, intended: intended, clock) }
      intended += period
    }
  }

  private func ask(for user: String, intended: UInt64, _ clock: SystemClock) {
    guard underWay.load(ordering: .relaxed) < Self.underWayMax else { return note("skipped") }
    guard let key = user.addingPercentEncoding(withAllowedCharacters: .alphanumerics), let url = URL(string: "\(address)/\(key)")
    else { return }
    underWay.add(1, ordering: .relaxed)
    session.dataTask(with: url) { [self] _, response, _ in
      underWay.subtract(1, ordering: .relaxed)
      guard let response = response as? HTTPURLResponse else {
        if !isStopping.load(ordering: .relaxed) { note("failed") }
        return
      }
      note("\(response.statusCode)")
      if response.statusCode == 200 { latencies.record(nanoseconds: Int64(clock.monotonicNanoseconds - intended)) }
    }.resume()
  }

  private func note(_ outcome: String) { counts.withLock { $0[outcome, default: 0] += 1 } }
}
