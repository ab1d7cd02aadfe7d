// When incidents are, and which programs they bring.

import Base
import Schema

/// A part of time in ns since the epoch, the end exclusive.
struct TimeWindow {
  var start: Int64
  var end: Int64

  init(_ incident: Incident, _ startNanoseconds: Int64) {
    switch incident.start {
    case .after(let milliseconds): start = startNanoseconds.clampedAdding(milliseconds: milliseconds)
    case .at(let milliseconds): start = Int64(0).clampedAdding(milliseconds: milliseconds)
    }
    end = incident.lengthMilliseconds.map { [start] in start.clampedAdding(milliseconds: $0) } ?? .max
  }

  @inline(__always)
  func contains(_ time: Int64) -> Bool { time >= start && time < end }
}

/// Which program an event has at a time.
struct ProgramChanges {
  private let changes: [(window: TimeWindow, event: UInt16, program: UInt16)]

  var isEmpty: Bool { changes.isEmpty }

  init(_ plan: GenerationPlan, _ windows: [TimeWindow]) {
    changes = plan.changedPrograms.map { (windows[$0.incident], $0.event, $0.program) }
  }

  /// The last change that holds.
  func program(_ event: UInt16, at time: Int64) -> UInt16 {
    changes.last { $0.event == event && $0.window.contains(time) }?.program ?? event
  }
}

/// Which part of the records this generator writes: those of the actors, rows and records that fall to it.
public struct Shard: Sendable, Equatable {
  /// From 0.
  public var index: Int
  public var count: Int

  public init(index: Int, count: Int) {
    precondition(count > 0 && (0..<count).contains(index), "a shard is one of several")
    self.index = index
    self.count = count
  }

  public static let whole = Shard(index: 0, count: 1)

  /// Whether it has the records of this row.
  @inline(__always)
  func owns(_ row: UInt64) -> Bool {
    Int(truncatingIfNeeded: Hash.mix(0x7368_6172_64, row).multipliedFullWidth(by: UInt64(count)).high) == index
  }
}

extension Int64 {
  fileprivate func clampedAdding(milliseconds: Int64) -> Int64 {
    let product = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    if product.overflow { return milliseconds > 0 ? .max : .min }
    let sum = addingReportingOverflow(product.partialValue)
    return sum.overflow ? (product.partialValue > 0 ? .max : .min) : sum.partialValue
  }

  /// Milliseconds of nanoseconds, rounded down.
  @inline(__always)
  var flooredMilliseconds: Int64 {
    let quotient = self / 1_000_000
    return self &- quotient &* 1_000_000 < 0 ? quotient &- 1 : quotient
  }
}
