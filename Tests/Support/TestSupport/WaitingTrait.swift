// Tests that wait for brokers, processes and timers most of the time. Test bodies block their thread, and there are as many threads for tests as
// the machine has cores: on two, two tests that wait would hold up all others.

import Foundation
import Testing

/// Runs a suite's tests on threads of their own, a few at a time.
public struct WaitingTrait: SuiteTrait, TestTrait, TestScoping {
  public let isRecursive = true

  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await withTaskExecutorPreference(WaitingExecutor.shared, operation: function)
  }
}

extension Trait where Self == WaitingTrait {
  /// For suites whose tests wait more than they compute.
  public static var waiting: Self { WaitingTrait() }
}

private final class WaitingExecutor: TaskExecutor {
  static let shared = WaitingExecutor()
  private let queue = OperationQueue()

  private init() { queue.maxConcurrentOperationCount = 4 }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.addOperation { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
