// What a survey has found, as numbers: who says them in words is the program's business.

import Base
import Foundation
import Histogram

public struct StreamStatistics: Sendable {
  /// Event time in ms since the epoch, the end exclusive.
  public struct Interval: Sendable, Equatable {
    public var startMilliseconds: Int64
    public var endMilliseconds: Int64

    public var seconds: Double { Double(endMilliseconds - startMilliseconds) / 1000 }
  }

  public var name: String
  public var seed: UInt64
  public var interval: Interval
  /// Whether a number of records ended it, rather than its time.
  public var isCutOff: Bool
  public var recordCount: Int64
  /// The sessions first, then the streams, as the schema has them.
  public var sources: [SourceStatistics]
  public var sessions: SessionStatistics?
}

/// The records of the sessions, or of one stream.
public struct SourceStatistics: Sendable {
  /// Records by hour of event time, whole hours only.
  public struct Hours: Sendable, Equatable {
    /// Hours since the epoch.
    public var firstHour: Int64
    public var counts: [Int64]

    /// Mean records in each hour of the day (UTC); nil below a whole day.
    public var ofDay: [Double]? {
      guard counts.count >= 24 else { return nil }
      return means(24) { Int(($0 % 24 + 24) % 24) }
    }

    /// Mean records per hour on each day of the week, Monday first; nil below a whole week.
    public var ofWeek: [Double]? {
      guard counts.count >= 168 else { return nil }
      // The epoch began on a Thursday.
      return means(7) { hour in
        let day = hour >= 0 ? hour / 24 : (hour - 23) / 24
        return Int(((day + 3) % 7 + 7) % 7)
      }
    }

    private func means(_ classCount: Int, _ place: (Int64) -> Int) -> [Double] {
      var sums = [Double](repeating: 0, count: classCount)
      var sizes = [Double](repeating: 0, count: classCount)
      for (index, count) in counts.enumerated() {
        let place = place(firstHour + Int64(index))
        sums[place] += Double(count)
        sizes[place] += 1
      }
      return zip(sums, sizes).map { $0 / max($1, 1) }
    }
  }

  public var name: String
  public var isSessions: Bool
  public var recordCount: Int64
  /// Rows that came all at once at the start.
  public var snapshotCount: Int64
  public var events: [(name: String, count: Int64)]
  /// The snapshot aside.
  public var recordsPerSecond: Double
  /// Of the busiest minute of the clock; nil where there was no whole one.
  public var peakMinutePerSecond: Double?
  public var hours: Hours
  /// Of the records' keys, where a key is a row of an entity.
  public var keys: Concentration?

  /// Busiest to quietest hour of the day; nil below a whole day, or where an hour has no record.
  public var peakToTrough: Double? {
    guard let day = hours.ofDay, let peak = day.max(), let trough = day.min(), trough > 0 else { return nil }
    return peak / trough
  }
}

public struct SessionStatistics: Sendable {
  public struct Bots: Sendable, Equatable {
    public var sessionShare: Double
    public var eventShare: Double
  }

  /// Sessions of which the actor is not known.
  public struct Anonymous: Sendable, Equatable {
    public var startShare: Double
    public var endShare: Double
    public var eventShare: Double
  }

  /// Sessions that began.
  public var count: Int64
  /// Those still alive at the end, of which the summaries know nothing.
  public var unfinishedCount: Int
  public var eventsPerSession: QuantileSummary
  /// From the first event to the last.
  public var lengthMilliseconds: QuantileSummary
  /// Rows of the actor's entity.
  public var userCount: Int
  /// Of people: bots aside.
  public var users: Concentration
  public var bots: Bots?
  public var anonymous: Anonymous?
}

/// A distribution in a few numbers.
public struct QuantileSummary: Sendable, Equatable {
  public var count: UInt64
  public var mean: Double
  public var p50: UInt64
  public var p90: UInt64
  public var p99: UInt64
  public var max: UInt64

  init(_ histogram: Histogram<UInt64>) {
    count = histogram.totalCount
    guard count > 0 else {
      (mean, p50, p90, p99, max) = (0, 0, 0, 0, 0)
      return
    }
    mean = histogram.mean
    (p50, p90) = (histogram.valueAtPercentile(50), histogram.valueAtPercentile(90))
    (p99, max) = (histogram.valueAtPercentile(99), histogram.maxRecorded)
  }
}

/// How much of all records the busiest rows have.
public struct Concentration: Sendable, Equatable {
  /// Different rows that came.
  public var seenCount: Int
  public var recordCount: Int64
  /// Shares of all records: of the busiest row, and of the busiest hundredth and tenth of the rows that came (at least one row).
  public var hottestShare: Double
  public var topHundredthShare: Double
  public var topTenthShare: Double

  /// - Parameter descending: records per row, without rows that never came.
  init(descending counts: [UInt32]) {
    seenCount = counts.count
    let total = counts.reduce(Int64(0)) { $0 + Int64($1) }
    recordCount = total
    func share(_ rows: Int) -> Double {
      total == 0 ? 0 : Double(counts.prefix(rows).reduce(Int64(0)) { $0 + Int64($1) }) / Double(total)
    }
    hottestShare = share(1)
    topHundredthShare = share(Swift.max((counts.count + 50) / 100, 1))
    topTenthShare = share(Swift.max((counts.count + 5) / 10, 1))
  }
}
