// Where the generator's thread and the threads that send meet: a bounded queue of request bodies and the counts of what became of them. Every
// access is under one lock, once per request and never per record.
//
//   write -> put ->[ at most `limit` bodies ]-> take -> (send, retry) -> settle
//            waits while it is full            waits while it is empty

import Base
import Foundation

/// The body of one request.
struct HTTPBody: Sendable {
  var bytes: Data
  var recordCount: Int
}

/// Sound as `Sendable`: `state` is only touched while `condition` is locked.
final class HTTPOutbox: @unchecked Sendable {
  private struct State {
    var waiting: [HTTPBody] = []
    var underWayCount = 0
    var delivered: Int64 = 0
    var failed: Int64 = 0
    var firstFailure: String?
    /// Requests that failed since one succeeded.
    var failedInARow = 0
    /// Nothing more is put.
    var isClosed = false
    /// Nothing more is sent.
    var isCancelled = false
  }

  struct Counts {
    var delivered: Int64
    var failed: Int64
    var firstFailure: String?
    var failedInARow: Int
  }

  private let condition = NSCondition()
  private var state = State()
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// `body` touches `state` in single accesses only: others do between two of them, while it waits.
  private func withLock<Value>(_ body: () -> Value) -> Value {
    condition.lock()
    defer { condition.unlock() }
    return body()
  }

  /// Waits for a change; false once `deadline` is over.
  private func waitForChange(until deadline: Date?) -> Bool {
    if let deadline { return condition.wait(until: deadline) }
    condition.wait()
    return true
  }

  var counts: Counts {
    withLock {
      Counts(
        delivered: state.delivered, failed: state.failed, firstFailure: state.firstFailure, failedInARow: state.failedInARow)
    }
  }

  /// Waits for room until `deadline`; a body that finds none counts as failed.
  func put(_ body: HTTPBody, until deadline: Date? = nil) {
    withLock {
      while state.waiting.count >= limit, !state.isCancelled, waitForChange(until: deadline) {}
      guard state.waiting.count < limit, !state.isCancelled else {
        fail(body, "not sent in time")
        return
      }
      state.waiting.append(body)
      condition.broadcast()
    }
  }

  /// The next body to send; nil once there is none and none will come.
  func take() -> HTTPBody? {
    withLock {
      while state.waiting.isEmpty, !state.isClosed, !state.isCancelled { condition.wait() }
      guard !state.isCancelled, !state.waiting.isEmpty else { return nil }
      state.underWayCount += 1
      condition.broadcast()
      return state.waiting.removeFirst()
    }
  }

  /// What became of a body that was taken: `reason` is nil where it was delivered.
  func settle(_ body: HTTPBody, failure reason: String?) {
    withLock {
      state.underWayCount -= 1
      if let reason {
        fail(body, reason)
        state.failedInARow += 1
      } else {
        state.delivered += Int64(body.recordCount)
        state.failedInARow = 0
      }
      condition.broadcast()
    }
  }

  /// Waits between two attempts; false where there is nothing to wait for any more.
  func pause(milliseconds: Int64) -> Bool {
    let end = Date().addingTimeInterval(Double(milliseconds) / 1000)
    return withLock {
      while !state.isCancelled, condition.wait(until: end) {}
      return !state.isCancelled
    }
  }

  /// Lets the senders end once everything is sent, and waits for that until `deadline`. False where something is left.
  func close(until deadline: Date) -> Bool {
    withLock {
      state.isClosed = true
      condition.broadcast()
      while state.underWayCount > 0 || !state.waiting.isEmpty, condition.wait(until: deadline) {}
      return state.underWayCount == 0 && state.waiting.isEmpty
    }
  }

  /// Ends pauses, and fails what waits; what is under way is settled by its sender.
  func cancel(_ reason: String) {
    withLock {
      state.isClosed = true
      state.isCancelled = true
      for body in state.waiting { fail(body, reason) }
      state.waiting = []
      condition.broadcast()
    }
  }

  private func fail(_ body: HTTPBody, _ reason: String) {
    state.failed += Int64(body.recordCount)
    state.firstFailure = state.firstFailure ?? reason
  }
}
