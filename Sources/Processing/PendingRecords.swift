// Records of one partition that are in state and not visible yet: the times of their events, and when they were applied, each a list in which every
// rhythm of writing has two places:
//
//   runs   [ visible in it ............ | drained, to be confirmed ... | waits for its next drain ... ]
//                             visible[rhythm]               drained[rhythm]
//
// What is visible in every rhythm is forgotten. Since a rhythm takes all that lies before its place, the order between two drains is of no interest, and
// equal times of events are counted together there. Where a rhythm is slow the lists are bounded: neighbours within a tolerance are merged; it doubles
// until the list is half as long, and begins anew where the list is empty. What is merged counts as its oldest: as longer under way than it was, by
// at most the tolerance, and never as shorter.

struct PendingRecords {
  /// In ms since the epoch.
  private(set) var events: PendingRuns
  /// By the monotonic clock, in ns.
  private(set) var applied: PendingRuns
  /// Of events since the last drain.
  private var open = MillisecondTable()

  init(rhythmCount: Int, runCountMax: Int = PendingRuns.countMax) {
    events = PendingRuns(rhythmCount: rhythmCount, unit: 1, countMax: runCountMax)
    applied = PendingRuns(rhythmCount: rhythmCount, unit: 1_000_000, countMax: runCountMax)
  }

  /// Of a record that has waited longest in any rhythm.
  var oldestEventTime: Int64? { events.oldest ?? open.least }

  /// Records that have been applied together.
  ///
  /// - Parameter now: Ms since the epoch: where all of them are late by more than 8 s, times are rounded down by less than a four-thousandth of it.
  mutating func append(_ times: UnsafeBufferPointer<Int64>, appliedAt: UInt64, now: Int64) {
    guard !times.isEmpty, events.hasRhythms else { return }
    applied.append(Int64(appliedAt), count: times.count)
    var latest = times[0]
    for time in times { latest = max(latest, time) }
    open.add(count: times.count, value: { times[$0] }, ofSize: now &- latest) { events.append($0, count: $1) }
  }

  func hasDrained(rhythm: Int) -> Bool { events.hasDrained(rhythm: rhythm) }

  mutating func noteDrained(rhythm: Int) {
    open.drain { events.append($0, count: $1) }
    events.noteDrained(rhythm: rhythm)
    applied.noteDrained(rhythm: rhythm)
  }

  /// What has been drained of a rhythm is visible; forgets what is so in every rhythm.
  mutating func noteVisible(rhythm: Int) {
    events.noteVisible(rhythm: rhythm)
    applied.noteVisible(rhythm: rhythm)
  }
}

/// Times with how often they came, in the order in which they came.
struct PendingRuns {
  struct Run: BitwiseCopyable {
    /// The oldest, and how much younger the youngest is.
    var time: Int64
    var width: Int64 = 0
    var count: Int
  }

  /// Beyond that many, runs are merged.
  static let countMax = 1 << 16

  private let unit: Int64
  private let countMax: Int
  private(set) var runs: ContiguousArray<Run> = []
  /// Per rhythm: runs before it are visible; and those before the mark have been drained.
  private var visible: [Int]
  private var drained: [Int]
  /// How far apart what is merged may be; 0 while all runs are exact.
  private(set) var tolerance: Int64 = 0

  /// - Parameter unit: The least tolerance.
  init(rhythmCount: Int, unit: Int64, countMax: Int) {
    visible = Array(repeating: 0, count: rhythmCount)
    drained = visible
    self.unit = unit
    self.countMax = countMax
  }

  var hasRhythms: Bool { !visible.isEmpty }

  /// The first that is not visible in every rhythm.
  var oldest: Int64? {
    guard let place = visible.min(), place < runs.count else { return nil }
    return runs[place].time
  }

  mutating func append(_ time: Int64, count: Int) {
    runs.append(Run(time: time, count: count))
    if runs.count > countMax { thinOut() }
  }

  func hasDrained(rhythm: Int) -> Bool { drained[rhythm] > visible[rhythm] }
  mutating func noteDrained(rhythm: Int) { drained[rhythm] = runs.count }

  /// Tells of what of a rhythm has been drained and not been told of as visible.
  func forEachDrained(rhythm: Int, _ body: (_ time: Int64, _ count: Int) -> Void) {
    runs.withUnsafeBufferPointer { runs in
      for index in visible[rhythm]..<drained[rhythm] { body(runs[index].time, runs[index].count) }
    }
  }

  mutating func noteVisible(rhythm: Int) {
    visible[rhythm] = drained[rhythm]
    guard let done = visible.min(), done > 0 else { return }
    runs.removeFirst(done)
    for rhythm in visible.indices {
      visible[rhythm] -= done
      drained[rhythm] -= done
    }
    if runs.isEmpty { tolerance = 0 }
  }

  /// Nothing is merged over a rhythm's place, so everything stays on the side of it on which it is.
  @inline(never)
  private mutating func thinOut() {
    tolerance = max(unit, tolerance)
    while true {
      let places = Set(visible + drained).sorted()
      var moved: [Int: Int] = [:]
      var kept: ContiguousArray<Run> = []
      kept.reserveCapacity(countMax + 1)
      var start = 0
      for end in places + [runs.count] {
        moved[start] = kept.count
        merge(start..<end, into: &kept)
        start = end
      }
      moved[start] = kept.count
      for rhythm in visible.indices {
        visible[rhythm] = moved[visible[rhythm]]!
        drained[rhythm] = moved[drained[rhythm]]!
      }
      runs = kept
      // With the last of these all is one between two places.
      guard runs.count > countMax / 2, tolerance < 1 << 61 else { return }
      tolerance *= 2
    }
  }

  private func merge(_ range: Range<Int>, into kept: inout ContiguousArray<Run>) {
    guard var group = range.isEmpty ? nil : runs[range.lowerBound] else { return }
    for index in range.dropFirst() {
      let run = runs[index]
      let start = min(group.time, run.time)
      let width = max(group.time + group.width, run.time + run.width) - start
      if width <= tolerance {
        group = Run(time: start, width: width, count: group.count + run.count)
      } else {
        kept.append(group)
        group = run
      }
    }
    kept.append(group)
  }
}
