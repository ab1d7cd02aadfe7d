// Looks after a service from a thread of its own, fifty times a second: tells systemd that it is alive and how it is, and ends the process where it does
// not come to an end in time.

import Base
import Foundation
import Synchronization

final class ServiceWatch: Sendable {
  /// What is looked at.
  struct Subject: Sendable {
    /// Whether the end has been asked for.
    var isStopping: @Sendable () -> Bool
    /// What does not move.
    var stalls: @Sendable () -> [String]
    /// One line for people.
    var status: @Sendable () -> String
    /// What has not ended, and what that means.
    var remainder: @Sendable () -> String
  }

  /// How much longer than the drain timeout closing may take.
  private static let closingMilliseconds: Int64 = 5000
  private static let lookEveryMicroseconds: UInt32 = 20_000
  private static let statusEveryNanoseconds: UInt64 = 5_000_000_000

  private let subject: Subject
  private let notifier: ServiceNotifier?
  private let drainTimeout: Int64
  private let clock: any Clock
  private let hasEnded = Atomic<Bool>(false)
  private let thread = Mutex<JoinableThread?>(nil)

  /// Looks from now on.
  ///
  /// - Parameter drainTimeout: How long the end may take once it was asked for, in ms.
  init(_ subject: Subject, drainTimeout: Int64, clock: any Clock = SystemClock()) {
    self.subject = subject
    self.drainTimeout = drainTimeout
    self.clock = clock
    notifier = ServiceNotifier(environment: ProcessInfo.processInfo.environment)
    thread.withLock { $0 = JoinableThread { [self] in watch() } }
  }

  /// Whether systemd listens.
  var isSupervised: Bool { notifier != nil }

  /// Every connection has been made.
  func noteReady(_ status: String) {
    notifier?.ready()
    notifier?.status(status)
  }

  /// Ends the watching. Called once.
  func stop() {
    hasEnded.store(true, ordering: .relaxed)
    try? thread.withLock { $0 }?.join()
  }

  private func watch() {
    var stopDeadline: UInt64?
    var aliveDue: UInt64 = 0
    var statusDue = clock.monotonicNanoseconds + Self.statusEveryNanoseconds
    while !hasEnded.load(ordering: .relaxed) {
      let now = clock.monotonicNanoseconds
      if stopDeadline == nil, subject.isStopping() {
        stopDeadline = now + UInt64(drainTimeout + Self.closingMilliseconds) * 1_000_000
        notifier?.stopping()
      }
      if let stopDeadline, now >= stopDeadline { endByForce() }
      if let interval = notifier?.watchdogNanoseconds, now >= aliveDue, subject.stalls().isEmpty {
        aliveDue = now + interval
        notifier?.alive()
      }
      if let notifier, now >= statusDue {
        statusDue = now + Self.statusEveryNanoseconds
        notifier.status(subject.status())
      }
      usleep(Self.lookEveryMicroseconds)
    }
    // The end came between two looks.
    if stopDeadline == nil, subject.isStopping() { notifier?.stopping() }
  }

  private func endByForce() {
    Terminal.printError(
      "ended by force, \((drainTimeout + Self.closingMilliseconds) / 1000) s after the end was asked for; \(subject.remainder())")
    Foundation._exit(ExitCode.failure.rawValue)
  }
}
