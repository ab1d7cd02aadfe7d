// What goes wrong in `freshet demo --incident`, one after the other with time to recover in between, and when.
//
//   0 ........ 15 ======== 25 ........ 33 ======== 41 ........ 50 ======= 56 ........ 70 s
//              flash crowd             a partition             Redis does
//              5 x the events          without leader          not answer

import Base
import Foundation
import KafkaTransport
import RedisStore
import Synchronization

/// One incident, in seconds from the first event.
struct DemoIncident: Sendable {
  enum Kind: Sendable, CaseIterable {
    case flashCrowd, stuckPartition, redisOutage
  }

  var kind: Kind
  var start: Double
  var end: Double

  static let all = [
    DemoIncident(kind: .flashCrowd, start: 15, end: 25), DemoIncident(kind: .stuckPartition, start: 33, end: 41),
    DemoIncident(kind: .redisOutage, start: 50, end: 56),
  ]

  /// How long a demo has to be for all of them, and for the last to be over.
  static let lengthSeconds: Double = 70
  static let crowdFactor: Double = 5
  static let partition = 1

  var name: String {
    switch kind {
    case .flashCrowd: "flash crowd: \(Int(Self.crowdFactor)) times the events"
    case .stuckPartition: "partition \(Self.partition) has no leader"
    case .redisOutage: "Redis does not answer"
    }
  }
}

/// Brings the incidents about at their times.
final class DemoIncidents: Sendable {
  private let thread: JoinableThread
  private let isStopping: Stop

  private final class Stop: Sendable { let isSet = Atomic<Bool>(false) }

  /// - Parameter note: Told when one begins and ends.
  init(
    _ broker: EmbeddedBroker, topic: String, _ redis: PrivateRedis, clock: SystemClock = SystemClock(),
    note: @escaping @Sendable (DemoIncident, _ begins: Bool) -> Void
  ) {
    let stop = Stop()
    isStopping = stop
    // Both are used from this thread and, by their owner, only after it has ended.
    nonisolated(unsafe) let (broker, redis) = (broker, redis)
    thread = JoinableThread {
      let origin = clock.monotonicNanoseconds
      func sleep(until seconds: Double) -> Bool {
        while !stop.isSet.load(ordering: .relaxed) {
          if Double(clock.monotonicNanoseconds - origin) >= seconds * 1e9 { return true }
          usleep(20_000)
        }
        return false
      }
      func set(_ incident: DemoIncident, isOn: Bool) throws {
        switch incident.kind {
        case .flashCrowd: break  // The load of the generator has it.
        case .stuckPartition: try broker.setLeader(ofPartition: DemoIncident.partition, topic: topic, isThere: !isOn)
        case .redisOutage: redis.send(signal: isOn ? SIGSTOP : SIGCONT)
        }
      }
      for incident in DemoIncident.all {
        guard sleep(until: incident.start) else { return }
        note(incident, true)
        try set(incident, isOn: true)
        _ = sleep(until: incident.end)
        // Also when the demo is ended early: what was stopped could not be ended in order.
        try set(incident, isOn: false)
        note(incident, false)
      }
    }
  }

  func stop() throws {
    isStopping.isSet.store(true, ordering: .relaxed)
    try thread.join()
  }
}
