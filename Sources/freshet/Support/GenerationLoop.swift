// The loop of a generator: fill, write, and in real time sleep until the next event is due. The pacer decides when; this does the
// waiting, counts, and publishes the counts once per batch.

import Base
import Foundation
import Generation
import Monitoring
import Records
import Synchronization

/// Counts that the progress line reads while the loop runs.
final class GenerationProgress: Sendable {
  let events = Atomic<Int64>(0)
  let byteCount = Atomic<Int64>(0)
  /// Of the last event written, in ms since the epoch.
  let eventTimeMilliseconds = Atomic<Int64>(.min)
  /// How late the last event was, in ns.
  let lagNanoseconds = Atomic<Int64>(0)
}

/// Drives one generator into one sink.
final class GenerationLoop {
  private let generator: Generator
  private var options: GenerateOptions
  private let sink: any Sink
  private let clock: SystemClock
  private let progress: GenerationProgress
  private let batch: RecordBatch
  private let times: UnsafeMutablePointer<Int64>
  private var rest: Int64
  /// Meaningful in real time.
  let lags = DelayHistogram()

  /// Records per batch: enough to make what is done per batch cheap, few enough to stay in the second cache.
  private static let batchCount = 1024

  init(_ generator: Generator, _ options: GenerateOptions, to sink: any Sink, clock: SystemClock, _ progress: GenerationProgress) {
    self.generator = generator
    self.options = options
    self.sink = sink
    self.clock = clock
    self.progress = progress
    batch = RecordBatch(slotCapacity: Self.batchCount, byteCapacity: 512 * 1024)
    times = .allocate(capacity: Self.batchCount)
    rest = options.count ?? .max
  }

  deinit { times.deallocate() }

  /// Returns when the stream's limits are reached or an end was asked for.
  func run() throws {
    if options.isRealTime { try runInRealTime() } else { try runSimulated() }
  }

  private func runSimulated() throws {
    while rest > 0, !Interrupts.stopRequested {
      // The generator knows the end of event time, behind which comes what faults hold back.
      generator.fill(batch, maximumCount: limit, before: .max)
      guard batch.count > 0 else { return }
      try writeBatch()
    }
  }

  private func runInRealTime() throws {
    // To find a broker and to warm up took a moment: what is timed by a rate begins after it.
    let now = clock.nowMilliseconds
    if generator.moveStart(toMilliseconds: now) {
      options.untilMilliseconds = options.untilMilliseconds.map { $0 + (now - options.startMilliseconds) }
      options.startMilliseconds = now
    }
    let origin = clock.monotonicNanoseconds
    var pacer = Pacer(
      startNanoseconds: options.startMilliseconds * 1_000_000, untilNanoseconds: options.untilNanoseconds, origin: origin)
    var lastPoll = origin
    while rest > 0, !Interrupts.stopRequested {
      let now = clock.monotonicNanoseconds
      switch pacer.next(now: now, nextEventTime: generator.nextTimeNanoseconds) {
      case .end: return try flushHeld(pacer)
      case .sleep(let until):
        if now >= lastPoll + Pacer.sliceNanoseconds {
          try sink.poll()
          lastPoll = now
        }
        Self.sleep(until: until)
      case .fill(let before):
        let eventNow = pacer.eventTime(at: now)
        generator.fill(
          batch, maximumCount: limit, before: before, sentMilliseconds: eventNow / 1_000_000, times: times)
        for index in 0..<batch.count { lags.record(nanoseconds: eventNow - times[index]) }
        if batch.count > 0 { progress.lagNanoseconds.store(eventNow - times[batch.count - 1], ordering: .relaxed) }
        try writeBatch()
      }
    }
  }

  /// At the end of event time, what faults still hold back goes out at once: a stream for a minute ends after a minute.
  private func flushHeld(_ pacer: Pacer) throws {
    while rest > 0, !Interrupts.stopRequested {
      let eventNow = pacer.eventTime(at: clock.monotonicNanoseconds)
      generator.fill(batch, maximumCount: limit, before: .max, sentMilliseconds: eventNow / 1_000_000)
      guard batch.count > 0 else { return }
      try writeBatch()
    }
  }

  private var limit: Int { Int(min(rest, Int64(Self.batchCount))) }

  private func writeBatch() throws {
    let count = batch.count
    guard count > 0 else { return }
    try sink.write(batch)
    rest -= Int64(count)
    progress.events.add(Int64(count), ordering: .relaxed)
    progress.byteCount.add(Int64(batch.lineByteCount), ordering: .relaxed)
    progress.eventTimeMilliseconds.store(batch.slots[count - 1].timestamp, ordering: .relaxed)
  }

  /// Sleeps until a time of the monotonic clock; a signal ends the sleep early.
  private static func sleep(until nanoseconds: UInt64) {
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    #if canImport(Glibc)
      _ = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil)
    #else
      let now = SystemClock().monotonicNanoseconds
      let rest = nanoseconds > now ? nanoseconds - now : 0
      time = timespec(tv_sec: Int(rest / 1_000_000_000), tv_nsec: Int(rest % 1_000_000_000))
      nanosleep(&time, nil)
    #endif
  }
}
