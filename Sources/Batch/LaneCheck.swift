// Served values against the archive: what the records that a value was made of give, and how far it was from the exact value when it was served.
//
//   nrt     the partition's records before the row's position
//   batch   a run as of the row's cutoff, over what is archived now, or else over what was archived when the run began
//   all     the error: against the records through the time of serving, in the order of event time
//
// Replays are those of batch runs, one partition after the other; only what is asked for is computed.

import Base
import Features
import Processing
import Records

public final class LaneCheck {
  private let pipeline: PipelineDefinition
  private let archives: [Int: any ArchivedRecords]
  private let tolerance: Double
  private let check: () throws -> Void
  private var values: [ServedValue] = []
  private var report = LaneCheckReport()
  /// Those of the report, while they are counted.
  private var lines: [LaneCheckReport.Line] = []
  /// Per value: what it should have been; nil where that is not known, or not checkable.
  private var expected: [TrainingValue?] = []
  private var exact: [TrainingValue?] = []

  /// - Parameters:
  ///   - archives: By index in `PipelineDefinition.sources`.
  ///   - tolerance: By how much doubles may differ.
  ///   - check: Called once per batch of records; throws where the end has been asked for.
  public init(
    _ pipeline: PipelineDefinition, archives: [Int: any ArchivedRecords], tolerance: Double = 0,
    check: @escaping () throws -> Void = {}
  ) {
    var pipeline = pipeline
    pipeline.stateBound = nil
    self.pipeline = pipeline
    self.archives = archives
    self.tolerance = tolerance
    self.check = check
  }

  public func run(_ values: [ServedValue]) throws -> LaneCheckReport {
    self.values = values
    report = LaneCheckReport()
    expected = values.map { _ in nil }
    exact = values.map { _ in nil }
    let usable = usableIndices()
    let groups = BatchGroup.groups(of: Set(usable.map { values[$0].view }).sorted(), in: pipeline) {
      archives[$0]!.partitions.count
    }
    for group in groups {
      let own = usable.filter { group.views.contains(values[$0].view) }
      try checkNotFound(own.filter { values[$0].isNotFound && values[$0].lane != .rt }, group)
      try checkPositions(own.filter { values[$0].lane == .nrt && !values[$0].isNotFound }, group)
      try checkRuns(own.filter { values[$0].lane == .batch && !values[$0].isNotFound }, group)
      try measure(own, group)
    }
    tally()
    return report
  }

  /// Values of views that the archive can say something of.
  private func usableIndices() -> [Int] {
    var obstacles: [Int: String] = [:]
    for view in Set(values.map(\.view)) {
      let definition = pipeline.views[view]
      if archives[definition.source] == nil {
        obstacles[view] = "source '\(pipeline.sources[definition.source].name)' is not archived"
      } else if definition.trigger != .change {
        obstacles[view] = "view '\(definition.name)' has rows of closed windows"
      } else {
        do { try pipeline.checkArchived(view) } catch { obstacles[view] = error.message }
      }
    }
    return values.indices.filter { index in
      guard let obstacle = obstacles[values[index].view] else { return true }
      report.addUnchecked(obstacle)
      return false
    }
  }

  private func replay(_ group: BatchGroup, _ partitions: [PartitionIndex], _ archive: (any ArchivedRecords)? = nil) -> LaneReplay {
    LaneReplay(
      pipeline: pipeline, group: group, partitions: partitions, archive: archive ?? archives[group.source]!, check: check)
  }

  /// Parts that hold keys of their own.
  private func parts(_ group: BatchGroup) -> [[PartitionIndex]] {
    let partitions = archives[group.source]!.partitions
    return group.mergesPartitions ? [partitions] : partitions.map { [$0] }
  }

  /// Probes in the order of their places, each with the values that are in its row.
  private func probes(_ indices: [Int], _ probe: (ServedValue) -> LaneProbe) -> [(probe: LaneProbe, values: [Int])] {
    Dictionary(grouping: indices) { probe(values[$0]) }.map { ($0, $1) }.sorted {
      ($0.probe.place, $0.probe.asOf, $0.values[0]) < ($1.probe.place, $1.probe.asOf, $1.values[0])
    }
  }

  private func isRight(_ index: Int) -> Bool {
    expected[index].map { $0.isServed(as: values[index].value, tolerance: tolerance) } ?? true
  }

  // MARK: - Nothing held

  /// Of a key of which nothing is held, all lanes serve what an empty window gives.
  private func checkNotFound(_ indices: [Int], _ group: BatchGroup) throws {
    guard let partition = archives[group.source]!.partitions.first else { return }
    let replay = try ViewReplay(
      pipeline, source: group.source, viewNames: group.viewNames, partition: partition, sourceName: "")
    let rows = FeatureRowBatch()
    for index in indices {
      rows.removeAll()
      replay.appendRows(
        ofView: replay.views.firstIndex(of: values[index].view)!, keys: [values[index].key], asOf: 0, to: rows)
      expected[index] = TrainingValue(rows.values[Int(rows.rows[0].firstValue) + values[index].feature], in: rows.bytes)
    }
  }

  // MARK: - Positions

  private func checkPositions(_ indices: [Int], _ group: BatchGroup) throws {
    if group.mergesPartitions, !indices.isEmpty {
      report.addUnchecked("their rows come through an internal topic, which is not archived", indices.count)
      return
    }
    let archive = archives[group.source]!
    let placed = Dictionary(grouping: indices) { values[$0].position?.partition }
    for (partition, own) in placed.sorted(by: { ($0.key ?? -1) < ($1.key ?? -1) }) {
      guard let partition else {
        report.addUnchecked("they have no position", own.count)
        continue
      }
      guard archive.partitions.contains(partition) else {
        report.addUnchecked("partition \(partition) is not in the archive", own.count)
        continue
      }
      let begin = archive.offsets(of: partition)?.lowerBound ?? 0
      guard begin == 0 else {
        report.addUnchecked("the archive of partition \(partition) begins at offset \(begin)", own.count)
        continue
      }
      try checkPositions(own, group, partition)
    }
  }

  private func checkPositions(_ indices: [Int], _ group: BatchGroup, _ partition: PartitionIndex) throws {
    func look(_ indices: [Int], movingTimeBy lateness: Int64?) throws {
      let probes = probes(indices) { value in
        LaneProbe(
          view: value.view, key: value.key, place: value.position!.offset, asOf: value.asOf ?? .min, isNotFound: false)
      }
      let found = try replay(group, [partition]).rows(atPositions: probes.map(\.probe), movingTimeBy: lateness)
      for (place, probe) in probes.enumerated() {
        guard place < found.rows.count else {
          report.addUnchecked(
            "their positions are beyond the archive, which ends at \(partition):\(found.end)", probe.values.count)
          continue
        }
        for index in probe.values { expected[index] = found.rows[place].values[values[index].feature] }
      }
    }
    try look(indices, movingTimeBy: nil)
    // Event time may have gone with the wall clock; what is right already is not asked again, so that its time moves nothing.
    let wrong = indices.filter { !isRight($0) }
    guard !wrong.isEmpty else { return }
    let first = expected
    try look(wrong, movingTimeBy: pipeline.sources[group.source].latenessMilliseconds)
    for index in wrong {
      if isRight(index) { report.idleCount += 1 } else { expected[index] = first[index] }
    }
  }

  // MARK: - Batch runs

  private func checkRuns(_ indices: [Int], _ group: BatchGroup) throws {
    let newest = archives[group.source]!.newestTime ?? .min
    for (cutoff, own) in Dictionary(grouping: indices, by: { values[$0].asOf }).sorted(by: { $0.key ?? .min < $1.key ?? .min }) {
      guard let cutoff else {
        report.addUnchecked("they do not say of which cutoff they are", own.count)
        continue
      }
      guard cutoff <= newest else {
        report.addUnchecked(Self.beyond(newest), own.count)
        continue
      }
      try look(own, cutoff, group, nil)
      let wrong = own.filter { !isRight($0) }
      let first = expected
      for (run, late) in Dictionary(grouping: wrong, by: { values[$0].run }).sorted(by: { $0.key ?? 0 < $1.key ?? 0 }) {
        guard let run else { continue }
        try look(late, cutoff, group, archives[group.source]!.committed(by: run))
        for index in late {
          if isRight(index) { report.earlierCount += 1 } else { expected[index] = first[index] }
        }
      }
    }
  }

  private func look(_ indices: [Int], _ cutoff: Int64, _ group: BatchGroup, _ archive: (any ArchivedRecords)?) throws {
    let probes = probes(indices) { LaneProbe(view: $0.view, key: $0.key, place: cutoff, asOf: cutoff, isNotFound: false) }
    let rows = try newestRows(probes.count, group) { try replay(group, $0, archive).rows(atCutoff: cutoff, probes.map(\.probe)) }
    for (place, probe) in probes.enumerated() {
      for index in probe.values { expected[index] = rows[place].values[values[index].feature] }
    }
  }

  /// Of a key that lies in several parts, the row of the one that knew it last.
  private func newestRows(_ count: Int, _ group: BatchGroup, _ rows: ([PartitionIndex]) throws -> [LaneReplay.Row]) throws
    -> [LaneReplay.Row]
  {
    var best: [LaneReplay.Row] = []
    for part in parts(group) {
      let found = try rows(part)
      guard !best.isEmpty else {
        best = found
        continue
      }
      for place in 0..<count where found[place].lastEvent > best[place].lastEvent { best[place] = found[place] }
    }
    return best
  }

  private static func beyond(_ newest: Int64) -> String {
    newest == .min
      ? "there is no event in the archive" : "their times are beyond the archive, which ends at \(TimeText.rfc3339(newest))"
  }

  // MARK: - Exact values

  private func measure(_ indices: [Int], _ group: BatchGroup) throws {
    let newest = archives[group.source]!.newestTime ?? .min
    let reached = indices.filter { values[$0].time <= newest }
    if reached.count < indices.count {
      report.addUnchecked("of their error: \(Self.beyond(newest))", indices.count - reached.count)
    }
    guard !reached.isEmpty else { return }
    let probes = probes(reached) { value in
      // An event may be ahead of the clock.
      let time = value.lane == .rt ? max(value.time, value.asOf ?? .min) : value.time
      return LaneProbe(view: value.view, key: value.key, place: time, asOf: .min, isNotFound: value.isNotFound)
    }
    let rows = try newestRows(probes.count, group) { try replay(group, $0).rows(atTimes: probes.map(\.probe)) }
    for (place, probe) in probes.enumerated() {
      for index in probe.values { exact[index] = rows[place].values[values[index].feature] }
    }
  }

  // MARK: - Counting

  private func tally() {
    lines = []
    var places: [FeatureReference: Int] = [:]
    for (index, value) in values.enumerated() {
      let reference = FeatureReference(view: value.view, lane: value.lane, feature: value.feature)
      if places[reference] == nil {
        places[reference] = lines.count
        let view = pipeline.views[value.view]
        lines.append(
          LaneCheckReport.Line(view: view.name, feature: view.features[value.feature].name, lane: value.lane))
      }
      tally(index, value, &lines[places[reference]!])
    }
    for place in lines.indices { lines[place].ages.sort() }
    report.lines = lines
  }

  private func tally(_ index: Int, _ value: ServedValue, _ line: inout LaneCheckReport.Line) {
    line.servedCount += 1
    if let asOf = value.asOf { line.ages.append(value.time - asOf) }
    if let right = expected[index] {
      line.checkedCount += 1
      if !isRight(index) {
        line.mismatchCount += 1
        note(value, right, in: &report.mismatches)
      }
    }
    guard let right = exact[index] else { return }
    line.measuredCount += 1
    // Sums of the same numbers in another order differ in their last digits.
    let rounding = 1e-9 * abs(right.number ?? 0)
    let isExact = right.isServed(as: value.value, tolerance: max(tolerance, rounding))
    if isExact { line.exactCount += 1 }
    if let number = value.value.number, let exact = right.number {
      let error = isExact ? 0 : abs(number - exact)
      line.numberCount += 1
      line.errorSum += error
      line.errorMax = max(line.errorMax, error)
    }
    if value.lane == .rt, !isExact, !value.isTruncated {
      report.differenceCount += 1
      note(value, right, in: &report.differences)
    }
  }

  private func note(_ value: ServedValue, _ expected: TrainingValue, in examples: inout [LaneCheckReport.Example]) {
    guard examples.count < LaneCheckReport.exampleCountMax else { return }
    let view = pipeline.views[value.view]
    let place =
      value.position.map { "at \($0.partition):\($0.offset)" } ?? value.asOf.map { "as of \($0)" } ?? "served at \(value.time)"
    examples.append(
      LaneCheckReport.Example(
        name: "\(view.name)@\(value.lane.rawValue).\(view.features[value.feature].name)",
        key: value.key.map { String(decoding: $0, as: UTF8.self) }, place: place, served: value.value.json,
        expected: expected.json))
  }
}
