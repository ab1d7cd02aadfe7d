// Feature values as they would have been served at the times of labels: nothing that happened later is in them, and nothing that was only known later.
//
//   nrt, rt   the key's partition right before the first record, in the order of the log, whose event time is after the label's, with time moved on to
//             the label's
//   batch     the newest run of the schedule that was due at the label's time: records through its cutoff, of those before the first record
//             whose event time is after the time at which the run was due
//
// One pass over each partition serves all labels, sorted by time. In which partition a key lies is not known: it is where records of it are.

import Base
import Features
import Processing
import Records
import Synchronization

/// Labels as far as features depend on them.
public struct TrainingLabels: Sendable {
  /// In ms.
  public var times: [Int64]
  /// By entity (index into `PipelineDefinition.entities`): the key of each label; nil where it has none.
  public var keys: [Int: [[UInt8]?]]

  public init(times: [Int64], keys: [Int: [[UInt8]?]]) {
    self.times = times
    self.keys = keys
  }
}

public final class TrainingSet: Sendable {
  /// The features that are asked for.
  public let features: [FeatureReference]
  let pipeline: PipelineDefinition
  let labels: TrainingLabels
  private let archives: [Int: any ArchivedRecords]
  private let settings: BatchRunSettings
  private let readCount = Atomic<Int64>(0)

  /// - Parameters:
  ///   - archives: By index in `PipelineDefinition.sources`: the records of each source that the features' views read.
  public init(
    _ pipeline: PipelineDefinition, features: [FeatureReference], labels: TrainingLabels, archives: [Int: any ArchivedRecords],
    settings: BatchRunSettings
  ) throws(Failure) {
    var pipeline = pipeline
    pipeline.stateBound = nil
    self.pipeline = pipeline
    self.features = features
    self.labels = labels
    self.archives = archives
    self.settings = settings
    for feature in features {
      let view = pipeline.views[feature.view]
      try pipeline.checkArchived(feature.view)
      guard view.trigger == .change else {
        throw Failure(
          .usage, "view '\(view.name)' has rows of closed windows ('trigger: close'), and a training set holds current values")
      }
      guard feature.lane != .batch || view.schedule != nil else {
        throw Failure(
          .usage,
          "view '\(view.name)' has no 'schedule:', so nobody knows which batch run was the newest at a label's time; ask for another lane"
        )
      }
    }
  }

  /// Records that were read so far; those that several groups of views read count for each.
  public var recordCount: Int64 { readCount.load(ordering: .relaxed) }

  /// Per feature, per label: its value.
  public func compute() throws -> [[TrainingValue]] {
    let groups = self.groups()
    var passes: [TrainingPass.Place] = []
    for (index, (group, schedule)) in groups.enumerated() {
      let partitions = archives[group.source]!.partitions
      for part in group.mergesPartitions ? [partitions] : partitions.map({ [$0] }) {
        passes.append(TrainingPass.Place(group: group, schedule: schedule, partitions: part, number: index))
      }
    }
    let found = try run(passes)
    var columns = features.map { _ in [TrainingValue](repeating: .null, count: labels.times.count) }
    for (index, (group, schedule)) in groups.enumerated() {
      try fill(&columns, group, schedule, found.filter { $0.number == index }.flatMap(\.rows))
    }
    return columns
  }

  /// Views of one source and entity, in the lanes of the stream or in batch runs of one schedule.
  private func groups() -> [(group: BatchGroup, schedule: BatchSchedule?)] {
    var views: [(schedule: BatchSchedule?, views: [Int])] = []
    for feature in features {
      let schedule = feature.lane == .batch ? pipeline.views[feature.view].schedule : nil
      if let place = views.firstIndex(where: { $0.schedule == schedule }) {
        if !views[place].views.contains(feature.view) { views[place].views.append(feature.view) }
      } else {
        views.append((schedule, [feature.view]))
      }
    }
    return views.flatMap { schedule, views in
      BatchGroup.groups(of: views, in: pipeline) { archives[$0]!.partitions.count }.map { ($0, schedule) }
    }
  }

  private func run(_ passes: [TrainingPass.Place]) throws -> [(number: Int, rows: [TrainingPass.Row])] {
    let waiting = Mutex(passes[...])
    let found = Mutex<[(number: Int, rows: [TrainingPass.Row])]>([])
    let hasFailed = Atomic<Bool>(false)
    let count = max(1, min(settings.threadCount, passes.count))
    let box = PassBox(waiting: waiting, found: found, hasFailed: hasFailed)
    let threads = (0..<count).map { _ in
      JoinableThread { [self] in
        do {
          while let place = box.waiting.withLock({ $0.popFirst() }) {
            let pass = TrainingPass(self, place, archives[place.group.source]!) { [self] count in
              readCount.add(Int64(count), ordering: .relaxed)
              if settings.isStopRequested() || box.hasFailed.load(ordering: .relaxed) { throw StopRequested() }
            }
            let rows = try pass.run()
            box.found.withLock { $0.append((place.number, rows)) }
          }
        } catch {
          box.hasFailed.store(true, ordering: .relaxed)
          throw error
        }
      }
    }
    var failure: (any Error)?
    for thread in threads {
      do { try thread.join() } catch { if failure == nil || failure is StopRequested { failure = error } }
    }
    if let failure { throw failure }
    return box.found.withLock { $0 }
  }

  /// What the threads share.
  private final class PassBox: Sendable {
    let waiting: Mutex<ArraySlice<TrainingPass.Place>>
    let found: Mutex<[(number: Int, rows: [TrainingPass.Row])]>
    let hasFailed: Atomic<Bool>

    init(
      waiting: consuming sending Mutex<ArraySlice<TrainingPass.Place>>,
      found: consuming sending Mutex<[(number: Int, rows: [TrainingPass.Row])]>, hasFailed: consuming sending Atomic<Bool>
    ) {
      self.waiting = waiting
      self.found = found
      self.hasFailed = hasFailed
    }
  }

  /// Puts what was found into the columns; of a key that lay in several partitions, what lies in the one that knew it last.
  private func fill(
    _ columns: inout [[TrainingValue]], _ group: BatchGroup, _ schedule: BatchSchedule?, _ rows: [TrainingPass.Row]
  ) throws {
    let empty = try ViewReplay(pipeline, source: group.source, viewNames: group.viewNames, sourceName: "")
    let batch = FeatureRowBatch()
    for (position, view) in empty.views.enumerated() {
      let places = features.indices.filter {
        features[$0].view == view && (features[$0].lane == .batch ? pipeline.views[view].schedule : nil) == schedule
          && (features[$0].lane == .batch) == (schedule != nil)
      }
      batch.removeAll()
      empty.appendRows(ofView: position, keys: [group.entity == nil ? nil : []], asOf: 0, to: batch)
      let first = Int(batch.rows[0].firstValue)
      for place in places {
        let value = TrainingValue(batch.values[first + features[place].feature], in: batch.bytes)
        for label in labels.times.indices { columns[place][label] = value }
      }
      var best: [Int: Int64] = [:]
      for row in rows where row.view == view {
        if let known = best[row.label], known >= row.lastEvent { continue }
        best[row.label] = row.lastEvent
        for place in places { columns[place][row.label] = row.values[features[place].feature] }
      }
    }
  }
}
