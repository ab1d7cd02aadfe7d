// All sources of a plan as one: their tickets in the order of event time, counted together. Of records at the same nanosecond the sessions' come
// first, then the streams' in the order of the schema.

import Base
import Schema

struct Simulation {
  private var sessions: SessionSource?
  private var streams: [StreamSource]
  /// Which of the schema's streams these are.
  private let streamIndices: [Int]
  /// Records of all sources and shards so far.
  private(set) var number: UInt64 = 0

  init(_ plan: GenerationPlan, _ settings: GenerationSettings) {
    let start = settings.startMilliseconds * 1_000_000
    let wanted = settings.streamName
    if let model = plan.sessions, wanted == nil || wanted == plan.schema.name {
      sessions = SessionSource(
        plan, model, startNanoseconds: start, load: settings.load ?? plan.schema.load, shard: settings.shard)
    }
    let hasSessions = sessions != nil
    // Streams refer to each other's records, so each needs to know when those of the others are.
    var loads = plan.streams.map(\.model.load)
    streamIndices = plan.streams.indices.filter { wanted == nil || plan.streams[$0].model.name == wanted }
    if let load = settings.load, !hasSessions {
      let own = streamIndices.map { loads[$0] }
      for index in streamIndices { loads[index] = load.scaled(loads[index], among: own) }
    }
    streams = streamIndices.map { [loads] index in
      StreamSource(plan, index, startNanoseconds: start, loads: loads, shard: settings.shard)
    }
  }

  func deallocate() { sessions?.deallocate() }

  var liveSessionCount: Int { sessions?.liveCount ?? 0 }

  var nextTime: Int64 { streams.reduce(sessions?.nextTime ?? .max) { min($0, $1.nextTime) } }

  /// Whether event time could as well start at another moment: nothing has happened, and the times are those of loads.
  var canMoveStart: Bool { number == 0 && sessions?.hasLoad ?? true }

  /// From the next record on, so many per second; streams share them as their own rates are.
  mutating func changeRate(_ perSecond: Double) {
    if sessions != nil {
      sessions!.changeRate(perSecond)
    } else {
      let total = streams.reduce(0) { $0 + $1.rate }
      let shares = streams.map { total > 0 ? $0.rate / total : 1 / Double(streams.count) }
      let rates = Dictionary(uniqueKeysWithValues: zip(streamIndices, shares.map { $0 * perSecond }))
      for place in streams.indices { streams[place].changeRate(streamIndices[place], rates) }
    }
  }

  /// Empties the buffer and fills it with up to `maximumCount` of the next tickets before `limit`, in ns since the epoch.
  mutating func fill(_ tickets: TicketBuffer, maximumCount: Int, before limit: Int64) {
    tickets.count = 0
    if streams.isEmpty {
      sessions?.fill(tickets, maximumCount: maximumCount, before: limit, number: &number)
    } else if sessions == nil, streams.count == 1 {
      streams[0].fill(tickets, maximumCount: maximumCount, before: limit, number: &number)
    } else {
      merge(tickets, min(maximumCount, tickets.capacity), limit)
    }
  }

  private mutating func merge(_ tickets: TicketBuffer, _ maximumCount: Int, _ limit: Int64) {
    while tickets.count < maximumCount {
      // The earliest source goes on until the next one's turn.
      var earliest = sessions?.nextTime ?? .max
      var turn = -1
      var rival = Int64.max
      for (index, stream) in streams.enumerated() {
        let time = stream.nextTime
        if time < earliest {
          (rival, earliest, turn) = (earliest, time, index)
        } else {
          rival = min(rival, time)
        }
      }
      guard earliest < limit, earliest < .max else { return }
      let until = min(limit, max(rival, earliest + 1))
      if turn < 0 {
        sessions!.fill(tickets, maximumCount: maximumCount - tickets.count, before: until, number: &number)
      } else {
        streams[turn].fill(tickets, maximumCount: maximumCount - tickets.count, before: until, number: &number)
      }
    }
  }
}

extension GenerationPlan {
  /// How many records the settings ask for in the first `nanoseconds` of event time, all shards together; nil where sessions arrive as they
  /// do and nobody asks for a number.
  public func scheduledRecords(_ settings: GenerationSettings, within nanoseconds: Double) -> Double? {
    if let count = settings.maximumCount, nanoseconds == .infinity { return Double(count) }
    let wanted = settings.streamName
    var total = 0.0
    let hasSessions = sessions != nil && (wanted == nil || wanted == schema.name)
    if hasSessions {
      guard let load = settings.load ?? schema.load else { return nil }
      total += LoadCurve(load).mass(at: nanoseconds)
    } else if let load = settings.load {
      return LoadCurve(load).mass(at: nanoseconds)
    }
    return streams.reduce(total) { total, stream in
      wanted == nil || stream.model.name == wanted ? total + LoadCurve(stream.model.load).mass(at: nanoseconds) : total
    }
  }
}

extension LoadShape {
  /// This load's share for one of several streams, as their own loads begin.
  fileprivate func scaled(_ own: LoadShape, among all: [LoadShape]) -> LoadShape {
    let rates = all.map { max(LoadCurve($0).rate(at: 0), 0) }
    let total = rates.reduce(0, +)
    let share = total > 0 ? max(LoadCurve(own).rate(at: 0), 0) / total : 1 / Double(all.count)
    var scaled = self
    for index in scaled.segments.indices {
      switch scaled.segments[index].curve {
      case .line(let from, let to): scaled.segments[index].curve = .line(from: from * share, to: to * share)
      case .sine(let mean, let amplitude, let period):
        scaled.segments[index].curve = .sine(mean: mean * share, amplitude: amplitude * share, periodMilliseconds: period)
      }
    }
    return scaled
  }
}
