// What a plan will give, without running it: rates over time from arrivals, profiles and loads, live sessions by Little's law, and the memory
// that takes.

import Base
import Schema

public struct StreamForecast: Sendable {
  /// One source of records: the sessions, or a stream.
  public struct Source: Sendable {
    public var name: String
    public var isSessions: Bool
    /// Records that come at once at the start.
    public var snapshotCount: Int
    fileprivate var perSecond: @Sendable (Int64) -> Double

    /// Records per second of event time.
    public func rate(atMilliseconds time: Int64) -> Double { perSecond(time) }

    /// The mean over `length` ms from a time on, sampled every `step` ms.
    public func meanRate(fromMilliseconds start: Int64, length: Int64, step: Int64) -> Double {
      let count = max(length / max(step, 1), 1)
      return (0..<count).reduce(0) { $0 + perSecond(start + $1 * step + step / 2) } / Double(count)
    }
  }

  public var sources: [Source]
  /// Of a session; 0 without sessions.
  public var eventsPerSession: Double
  /// Mean milliseconds from a session's first event to its last.
  public var sessionMilliseconds: Double
  /// Bytes that a live session holds.
  public var bytesPerSession: Int
  /// Bytes of tables and texts.
  public var planByteCount: Int

  /// - Parameter startMilliseconds: where loads begin.
  public init(_ plan: GenerationPlan, startMilliseconds start: Int64) {
    let schema = plan.schema
    var sources: [Source] = []
    if let sessions = plan.sessions {
      let perSecond: @Sendable (Int64) -> Double
      if let load = schema.load.map({ LoadCurve($0) }) {
        perSecond = { max(load.rate(at: Double($0 - start) * 1e6), 0) }
      } else {
        let curve = ArrivalCurve(sessions.model.profiles)
        let factor = sessions.model.arrivalsPerSecond * sessions.expectedEvents
        perSecond = { factor * curve.factor(atNanoseconds: $0 * 1_000_000) }
      }
      sources.append(Source(name: schema.name, isSessions: true, snapshotCount: 0, perSecond: perSecond))
    }
    for stream in plan.streams {
      let curve = LoadCurve(stream.model.load)
      let snapshot = stream.changes.map { $0.hasSnapshot ? Int($0.rowCount) : 0 } ?? 0
      sources.append(
        Source(name: stream.model.name, isSessions: false, snapshotCount: snapshot) {
          max(curve.rate(at: Double($0 - start) * 1e6), 0)
        })
    }
    self.sources = sources
    eventsPerSession = plan.expectedEventsPerSession
    sessionMilliseconds = plan.sessions?.expectedMilliseconds ?? 0
    // A slot, its place in the list of free ones, and its entry in the heap, in blocks that grow by doubling.
    bytesPerSession =
      plan.sessions == nil
      ? 0 : SessionPool.stride(rowCount: plan.layout.count) + MemoryLayout<UInt32>.stride + 2 * MemoryLayout<HeapItem>.stride
    planByteCount = plan.memoryByteCount
  }

  /// Sessions alive at a rate of their events (Little: arrivals per second times how long each lasts).
  public func liveSessions(atEventsPerSecond rate: Double) -> Double {
    eventsPerSession > 0 ? rate / eventsPerSession * sessionMilliseconds / 1000 : 0
  }
}
