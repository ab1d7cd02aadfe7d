// The loop of a generator: take a batch, write it, and in real time sleep until the next record is due. The pacer decides when; this does the
// waiting, counts, and publishes the counts once per batch.

import Base
import Foundation
import Generation
import Measuring
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
  /// What is asked for at the moment, as the bits of a double; 0 where the options say it.
  let askedPerSecond = Atomic<UInt64>(0)
  /// What has become of the events, as the sink last said it.
  let delivered = Atomic<Int64>(0)
  let failed = Atomic<Int64>(0)
  /// How late events were; meaningful in real time.
  let lags = DurationHistogram()

  /// What a status says of it.
  ///
  /// - Parameter asked: The rate, where the loop does not change it.
  func section(asked: Double?) -> StatusDocument.Generate {
    var generate = StatusDocument.Generate()
    generate.events = events.load(ordering: .relaxed)
    generate.bytes = byteCount.load(ordering: .relaxed)
    generate.delivered = delivered.load(ordering: .relaxed)
    generate.failed = failed.load(ordering: .relaxed)
    let now = Double(bitPattern: askedPerSecond.load(ordering: .relaxed))
    generate.askedRate = now > 0 ? now : asked
    generate.behindSchedule = lags.distribution
    return generate
  }
}

/// Drives one producer into one sink.
final class GenerationLoop {
  private let producer: RecordProducer
  private var options: GenerateOptions
  private let sink: any Sink
  private let clock: SystemClock
  private let progress: GenerationProgress
  private var search: (any RateSteering)?
  private var sinkNanoseconds: UInt64 = 0
  var lags: DurationHistogram { progress.lags }
  /// What `--rate max` has found.
  private(set) var found: RateSearch?
  /// Called now and then with how many records have been written, for those who keep the place.
  var onProgress: ((Int64) throws -> Void)?
  private var lastProgress: UInt64
  /// Takes the producer's truth.
  var truth: TruthOutput?
  /// Event time of the stream's first moment: in real time that is when the loop begins, where the stream allows it.
  private(set) var startMilliseconds: Int64
  /// When the first record was due, of the monotonic clock: a start is prepared before it, which is no part of the rate.
  private(set) var began: UInt64
  /// When the last record was written, by the monotonic clock; 0 before.
  private(set) var ended: UInt64 = 0

  private static let progressNanoseconds: UInt64 = 5_000_000_000

  /// - Parameter steering: Changes the rate while the loop runs; for `--rate max` there is one anyway.
  init(
    _ producer: RecordProducer, _ options: GenerateOptions, to sink: any Sink, clock: SystemClock, _ progress: GenerationProgress,
    steering: (any RateSteering)? = nil
  ) {
    self.producer = producer
    self.options = options
    self.sink = sink
    self.clock = clock
    self.progress = progress
    startMilliseconds = options.startMilliseconds
    search = steering ?? (options.searchesRate ? RateSearch() : nil)
    began = clock.monotonicNanoseconds
    lastProgress = began
  }

  /// Returns when the stream's limits are reached or an end was asked for.
  ///
  /// - Parameter isResumed: the producer stands behind the records of an earlier run; in real time the next one happens now.
  func run(isResumed: Bool = false) throws {
    defer { ended = clock.monotonicNanoseconds }
    if options.isRealTime { try runInRealTime(isResumed) } else { try runSimulated() }
  }

  private func runSimulated() throws {
    // The producer knows the end of event time, behind which comes what faults hold back.
    while !Interrupts.stopRequested, let produced = producer.next(before: .max) { try write(produced.batch) }
    // What is already under way belongs to the stream.
    if Interrupts.stopRequested { while let produced = producer.next(before: .min) { try write(produced.batch) } }
  }

  private func runInRealTime(_ isResumed: Bool) throws {
    // To find a broker and to warm up took a moment: what is timed by a rate begins after it.
    let now = clock.nowMilliseconds
    let began = options.startMilliseconds
    if isResumed {
      producer.resume(atNanoseconds: now * 1_000_000)
      options.startMilliseconds = now
    } else if producer.moveStart(toMilliseconds: now) {
      options.startMilliseconds = now
      startMilliseconds = now
    }
    options.untilMilliseconds = options.untilMilliseconds.map { $0 + (options.startMilliseconds - began) }
    if isResumed, let end = options.untilMilliseconds { producer.moveEnd(toMilliseconds: end) }
    let origin = clock.monotonicNanoseconds
    self.began = origin
    var pacer = Pacer(
      startNanoseconds: options.startMilliseconds * 1_000_000, untilNanoseconds: options.untilNanoseconds, origin: origin)
    var lastPoll = origin
    while !Interrupts.stopRequested {
      let now = clock.monotonicNanoseconds
      if search != nil, try advanceSearch(now, pacer) { break }
      let next = producer.nextTimeNanoseconds
      if producer.isComplete || (next == .max && options.untilMilliseconds == nil) { break }
      switch pacer.next(now: now, nextEventTime: next) {
      case .end: return try flushHeld(pacer)
      case .sleep(let until):
        if now >= lastPoll + Pacer.sliceNanoseconds {
          try sink.poll()
          noteDelivery()
          lastPoll = now
        }
        Self.sleep(until: until)
      case .fill(let before):
        let eventNow = pacer.eventTime(at: now)
        guard let produced = producer.next(before: before, sentMilliseconds: eventNow / 1_000_000) else { continue }
        let count = produced.batch.count
        lags.record { record in for index in 0..<count { record(eventNow - produced.times[index], 1) } }
        progress.lagNanoseconds.store(eventNow - produced.times[count - 1], ordering: .relaxed)
        try write(produced.batch)
      }
    }
    while let produced = producer.next(before: .min) { try write(produced.batch) }
  }

  /// Lets the search look and changes the rate as it says; true when it is over.
  private func advanceSearch(_ now: UInt64, _ pacer: Pacer) throws -> Bool {
    let delivery = sink.delivery
    let seen = RateSearch.Observation(
      now: now, generated: progress.events.load(ordering: .relaxed), delivered: delivery.delivered,
      underWay: delivery.written - delivery.delivered - delivery.failed,
      lag: max(0, pacer.eventTime(at: now) - min(producer.nextTimeNanoseconds, pacer.eventTime(at: now))),
      sinkNanoseconds: sinkNanoseconds)
    switch search!.next(seen) {
    case .goOn: return false
    case .setRate(let rate):
      // What the rate before has left undone is not asked for any more.
      while let produced = producer.next(before: .min) { try write(produced.batch) }
      producer.changeRate(rate)
      producer.resume(atNanoseconds: pacer.eventTime(at: clock.monotonicNanoseconds))
      progress.askedPerSecond.store(rate.bitPattern, ordering: .relaxed)
      return false
    case .found:
      found = search as? RateSearch
      search = nil
      return true
    }
  }

  /// At the end of event time, what faults still hold back goes out at once: a stream for a minute ends after a minute.
  private func flushHeld(_ pacer: Pacer) throws {
    while !Interrupts.stopRequested {
      let eventNow = pacer.eventTime(at: clock.monotonicNanoseconds)
      guard let produced = producer.next(before: .max, sentMilliseconds: eventNow / 1_000_000) else { return }
      try write(produced.batch)
    }
  }

  private func write(_ batch: RecordBatch) throws {
    let count = batch.count
    guard count > 0 else { return }
    let before = search == nil ? 0 : clock.monotonicNanoseconds
    try sink.write(batch)
    if search != nil { sinkNanoseconds += clock.monotonicNanoseconds - before }
    progress.events.add(Int64(count), ordering: .relaxed)
    progress.byteCount.add(Int64(batch.lineByteCount), ordering: .relaxed)
    progress.eventTimeMilliseconds.store(batch.slots[count - 1].timestamp, ordering: .relaxed)
    noteDelivery()
    if let truth, let log = producer.truth, log.text.count >= TruthOutput.chunkByteCount { try truth.write(log) }
    guard let onProgress else { return }
    let now = clock.monotonicNanoseconds
    if now > lastProgress + Self.progressNanoseconds {
      lastProgress = now
      try onProgress(progress.events.load(ordering: .relaxed))
    }
  }

  private func noteDelivery() {
    let delivery = sink.delivery
    progress.delivered.store(delivery.delivered, ordering: .relaxed)
    progress.failed.store(delivery.failed, ordering: .relaxed)
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
