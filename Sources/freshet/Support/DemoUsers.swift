// Whom the demo's requests ask for: users who have just done something, as the generator's records name them.

import Records
import Synchronization

/// The keys of some of the newest records. One thread notes, any takes.
final class RecentUsers: Sendable {
  private struct State {
    var keys: [String] = []
    var next = 0
  }

  private let state = Mutex(State())
  private static let capacity = 256

  func note(_ key: UnsafeBufferPointer<UInt8>) {
    let key = String(decoding: key, as: UTF8.self)
    state.withLock { state in
      if state.keys.count < Self.capacity {
        state.keys.append(key)
      } else {
        state.keys[state.next] = key
        state.next = (state.next + 1) % Self.capacity
      }
    }
  }

  /// The user that a number in 0..<1 stands for; nil before the first record.
  func user(at place: Double) -> String? {
    state.withLock { state in state.keys.isEmpty ? nil : state.keys[min(state.keys.count - 1, Int(place * Double(state.keys.count)))] }
  }
}

/// A sink that notes one key of each batch on the way.
final class ObservedSink: Sink {
  private let sink: any Sink
  private let users: RecentUsers

  init(_ sink: any Sink, _ users: RecentUsers) {
    self.sink = sink
    self.users = users
  }

  var name: String { sink.name }
  var delivery: DeliveryCounts { sink.delivery }

  func write(_ batch: RecordBatch) throws {
    if batch.count > 0, let key = batch.key(batch.count - 1) { users.note(key) }
    try sink.write(batch)
  }

  func poll() throws { try sink.poll() }
  func finish(timeoutMilliseconds: Int) throws { try sink.finish(timeoutMilliseconds: timeoutMilliseconds) }
}
