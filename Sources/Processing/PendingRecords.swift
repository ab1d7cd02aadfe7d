// Records of one partition that are in state and not visible yet, in the order in which they came there; those of one batch and event time are a run.
// Each rhythm of writing has two places in the one list:
//
//   runs   [ visible in it ............ | drained, to be confirmed ... | waits for its next drain ... ]
//                             visible[rhythm]               drained[rhythm]
//
// What is visible in every rhythm is forgotten. While the store is away, or a rhythm is slow, the list is bounded: runs whose event times, and whose
// moments of coming, lie within a tolerance are merged, which doubles until the list has room. A merged record counts as its run's oldest: as longer
// under way than it was, by at most the tolerance, and never as shorter.

struct PendingRecords {
  struct Run: BitwiseCopyable, Equatable {
    /// The oldest of its records, and how much younger the youngest is, in ms.
    var eventTime: Int64
    var eventWidth: Int64 = 0
    /// When the first of them was applied, by the monotonic clock in ns, and how much later the last was.
    var appliedAt: UInt64
    var appliedWidth: UInt64 = 0
    var count: Int
  }

  /// Beyond that many, runs are merged.
  static let runCountMax = 1 << 16

  private let runCountMax: Int
  private(set) var runs: ContiguousArray<Run> = []
  /// Per rhythm: runs before it are visible; and those before the mark have been drained.
  private var visible: [Int]
  private var drained: [Int]
  /// How far apart what is merged may be, in ms; 0 while all runs are exact.
  private(set) var toleranceMilliseconds: Int64 = 0

  init(rhythmCount: Int, runCountMax: Int = Self.runCountMax) {
    visible = Array(repeating: 0, count: rhythmCount)
    drained = visible
    self.runCountMax = runCountMax
  }

  /// Of the record that has waited longest in any rhythm.
  var oldestEventTime: Int64? {
    guard let place = visible.min(), place < runs.count else { return nil }
    return runs[place].eventTime
  }

  /// Records that have been applied together.
  mutating func append(_ times: ContiguousArray<Int64>, appliedAt: UInt64, _ tally: inout MillisecondTally) {
    guard !visible.isEmpty, !times.isEmpty else { return }
    times.withUnsafeBufferPointer { times in
      tally.forEachRun(count: times.count, value: { times[$0] }) { time, count in
        runs.append(Run(eventTime: time, appliedAt: appliedAt, count: count))
      }
    }
    if runs.count > runCountMax { thinOut() }
  }

  func hasDrained(rhythm: Int) -> Bool { drained[rhythm] > visible[rhythm] }
  mutating func noteDrained(rhythm: Int) { drained[rhythm] = runs.count }

  /// What of a rhythm has been drained and not been told of as visible.
  func forEachDrained(rhythm: Int, _ body: (Run) -> Void) {
    for index in visible[rhythm]..<drained[rhythm] { body(runs[index]) }
  }

  mutating func noteVisible(rhythm: Int) { visible[rhythm] = drained[rhythm] }

  /// Forgets what is visible in every rhythm.
  mutating func compact() {
    guard let done = visible.min(), done > 0 else { return }
    runs.removeFirst(done)
    for rhythm in visible.indices {
      visible[rhythm] -= done
      drained[rhythm] -= done
    }
    if runs.isEmpty { toleranceMilliseconds = 0 }
  }

  /// Nothing is merged over a rhythm's place, so every record stays on the side of it on which it is.
  private mutating func thinOut() {
    while runs.count > runCountMax / 2, toleranceMilliseconds < 1 << 40 {
      toleranceMilliseconds = max(1, toleranceMilliseconds * 2)
      let places = Set(visible + drained)
      var moved: [Int: Int] = [:]
      var kept: ContiguousArray<Run> = []
      kept.reserveCapacity(runs.count)
      for (index, run) in runs.enumerated() {
        let isPlace = places.contains(index)
        if isPlace { moved[index] = kept.count }
        if !isPlace, let last = kept.last, let merged = Self.merged(last, run, toleranceMilliseconds) {
          kept[kept.count - 1] = merged
        } else {
          kept.append(run)
        }
      }
      moved[runs.count] = kept.count
      for rhythm in visible.indices {
        visible[rhythm] = moved[visible[rhythm]]!
        drained[rhythm] = moved[drained[rhythm]]!
      }
      runs = kept
    }
  }

  private static func merged(_ a: Run, _ b: Run, _ tolerance: Int64) -> Run? {
    let start = min(a.eventTime, b.eventTime)
    let width = max(a.eventTime + a.eventWidth, b.eventTime + b.eventWidth) - start
    // They come in the order of the monotonic clock.
    let appliedWidth = b.appliedAt + b.appliedWidth - a.appliedAt
    guard width <= tolerance, appliedWidth <= UInt64(tolerance) * 1_000_000 else { return nil }
    return Run(
      eventTime: start, eventWidth: width, appliedAt: a.appliedAt, appliedWidth: appliedWidth, count: a.count + b.count)
  }
}
