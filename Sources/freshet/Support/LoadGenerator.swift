// The generator of a load test: a loop on a thread of its own, whose rate is changed from outside. Events keep their intended times (open loop): what a slow
// broker holds up is late, and is counted as late, and never left out.

import Base
import Generation
import KafkaTransport
import Records
import Schema
import Synchronization

final class LoadGenerator: Sendable {
  /// What the loop has seen.
  struct Seen: Sendable {
    var delivered: Int64 = 0
    var underWay: Int64 = 0
    /// The furthest that the loop was behind its schedule since the rate was last set, in ns.
    var lagMax: Int64 = 0
    var at: UInt64 = 0
  }

  private struct State: Sendable {
    var wanted: Double?
    var isStopped = false
    var seen = Seen()
    var failure: String?
  }

  private let state = Mutex(State())
  private let thread = Mutex<JoinableThread?>(nil)

  /// Next to nothing, for pauses.
  private static let pauseRate = 0.001

  /// Starts with a pause.
  init(_ schema: EventSchema, to destination: String, threads: String?, stream: String?, properties: [String]) throws {
    let clock = SystemClock()
    let texts = GenerateOptions.Texts(rate: "1/s", threads: threads, stream: stream)
    let options = try GenerateOptions(texts, schema: schema, clock: clock)
    let formats = try FormatChoice(nil, schema, to: destination, streamName: options.streamName)
    let encoding = try formats.encoding(seed: options.seed, startMilliseconds: options.startMilliseconds)
    let plan = try GenerationPlan(formats.schema, seed: options.seed, encoding: encoding)
    var network = NetworkOptions()
    network.properties = properties
    let sink = SinkBox(
      try SinkChoice.open(
        destination, network: network, schema: formats.schema, eventIdentifierPrefix: encoding.eventIdentifierPrefix ?? "load"))
    setRate(0)
    let started = JoinableThread { [self] in
      do { try Self.run(plan, texts, schema, sink.sink, steering: Steering(generator: self)) } catch {
        state.withLock { $0.failure = (error as? Failure)?.message ?? "\(error)" }
      }
    }
    thread.withLock { $0 = started }
  }

  /// A sink moves to its thread and is used there alone.
  private final class SinkBox: @unchecked Sendable {
    let sink: any Sink
    init(_ sink: any Sink) { self.sink = sink }
  }

  private static func run(
    _ plan: GenerationPlan, _ texts: GenerateOptions.Texts, _ schema: EventSchema, _ sink: any Sink, steering: Steering
  ) throws {
    let clock = SystemClock()
    let options = try GenerateOptions(texts, schema: schema, clock: clock)
    let producer = RecordProducer(plan, options.settings, threadCount: options.threadCount)
    let loop = GenerationLoop(producer, options, to: sink, clock: clock, GenerationProgress(), steering: steering)
    try loop.run()
    try sink.finish(timeoutMilliseconds: 10_000)
  }

  /// From now on so many events per second; 0 pauses.
  func setRate(_ rate: Double) { state.withLock { $0.wanted = max(rate, Self.pauseRate) } }

  /// What was seen last; throws what ended the loop.
  func look() throws -> Seen {
    let state = state.withLock { $0 }
    if let failure = state.failure { throw Failure(.unavailable, failure) }
    return state.seen
  }

  /// Begins to count lateness anew.
  func forgetLag() { state.withLock { $0.seen.lagMax = 0 } }

  func stop() {
    state.withLock { $0.isStopped = true }
    let ending = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    try? ending?.join()
  }

  private struct Steering: RateSteering {
    let generator: LoadGenerator

    mutating func next(_ seen: RateSearch.Observation) -> RateSearch.Action {
      generator.state.withLock { state in
        if state.isStopped { return .found(0) }
        if let rate = state.wanted {
          state.wanted = nil
          state.seen.lagMax = 0
          return .setRate(rate)
        }
        state.seen.delivered = seen.delivered
        state.seen.underWay = seen.underWay
        state.seen.lagMax = max(state.seen.lagMax, seen.lag)
        state.seen.at = seen.now
        return .goOn
      }
    }
  }
}
