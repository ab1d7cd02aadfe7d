// Makes the clean stream of a truth again and sorts its records into the histories of a pipeline's views, all of one source.

import Base
import Codec
import Features
import Generation
import Records
import Schema

struct HistoryReader {
  private(set) var histories: [ViewHistory]
  private let source: SourceDefinition
  private let isDeduplicated: Bool
  private let hasClocksAhead: Bool
  private let paths: [FieldPath]
  private let reader: JSONColumnReader
  private let columns: Columns
  private let program: ExpressionProgram
  private let timeColumn: Int?
  private let keyColumns: [Int?]
  /// Per view: its own predicate's place in the program, then its features'.
  private let viewPredicates: [Int?]
  private let featurePredicates: [[Int?]]
  private let fieldColumns: [[Int?]]

  /// - Parameters:
  ///   - views: Indices into `pipeline.views`, all of `source`.
  ///   - isDeduplicated: Whether copies do not count.
  static func histories(
    _ pipeline: PipelineDefinition, views: [Int], source: SourceDefinition, isDeduplicated: Bool, truth: TruthFile,
    plan: GenerationPlan
  ) throws(Failure) -> [ViewHistory] {
    var reader = try HistoryReader(
      pipeline, views: views, source: source, isDeduplicated: isDeduplicated, truth: truth, plan: plan)
    let generator = truth.generator(plan, isClean: true)
    let batch = RecordBatch(slotCapacity: 256)
    while generator.fill(batch) { reader.take(batch, truth.labels) }
    for index in reader.histories.indices { reader.histories[index].sort() }
    return reader.histories
  }

  private init(
    _ pipeline: PipelineDefinition, views: [Int], source: SourceDefinition, isDeduplicated: Bool, truth: TruthFile,
    plan: GenerationPlan
  ) throws(Failure) {
    guard plan.schema.outputs.allSatisfy({ $0.format == .json || $0.format == .cloudevents }) else {
      throw Failure(.badConfiguration, "the fields of records can only be read from JSON, which this schema does not write")
    }
    let known = Set(plan.schema.fieldPaths)
    let histories = views.map { ViewHistory(pipeline.views[$0], of: pipeline, knownPaths: known) }
    var paths: [FieldPath] = []
    var predicates: [Expression] = []
    func column(_ path: FieldPath) -> Int {
      if let index = paths.firstIndex(of: path) { return index }
      paths.append(path)
      return paths.count - 1
    }
    func predicate(_ expression: Expression) -> Int {
      for path in expression.fieldPaths { _ = column(path) }
      predicates.append(expression)
      return predicates.count - 1
    }
    timeColumn = source.eventTime.path.map(column)
    keyColumns = histories.map { $0.isCompared ? $0.keyPath.map(column) : nil }
    viewPredicates = histories.map { $0.isCompared ? $0.predicate.map(predicate) : nil }
    featurePredicates = histories.map { $0.features.map { $0.predicate.map(predicate) } }
    fieldColumns = histories.map { $0.features.map { $0.field.map(column) } }
    if let path = source.eventTime.path, !known.contains(path.description) {
      throw Failure(.badConfiguration, "no event of the truth's schema '\(plan.schema.name)' has a field '\(path)'")
    }
    self.paths = paths
    self.histories = histories
    self.source = source
    self.isDeduplicated = isDeduplicated
    hasClocksAhead = truth.labels.values.contains { $0.skewMilliseconds > 0 }
    reader = JSONColumnReader(paths: paths)
    columns = Columns(columnCount: paths.count)
    let places = Dictionary(uniqueKeysWithValues: paths.enumerated().map { ($1, $0) })
    program = ExpressionProgram(predicates) { places[$0]! }
  }

  private mutating func take(_ batch: RecordBatch, _ labels: [Int64: RecordLabels]) {
    reader.decode(batch, into: columns)
    program.evaluate(columns, rowCount: batch.count)
    for row in 0..<batch.count where columns.statuses[row] == .valid {
      let slot = batch.slots[row]
      guard let time = time(slot, row) else { continue }
      for view in histories.indices where histories[view].isCompared { add(row, time: time, labels[slot.offset], to: view) }
    }
  }

  /// When a record happened, as the pipeline reads it.
  private func time(_ slot: RecordSlot, _ row: Int) -> Int64? {
    guard let timeColumn else { return slot.timestamp }
    let value = columns.column(timeColumn)[row]
    switch (source.eventTime.format, value.kind) {
    case (.rfc3339, .string): return TimeText.milliseconds(fromRFC3339: value.bytes)
    case (.epochMilliseconds, .integer): return value.integer
    case (.epochSeconds, .integer): return value.integer * 1000
    case (.epochSeconds, .double): return Int64((value.double * 1000).rounded())
    default: return nil
    }
  }

  private mutating func add(_ row: Int, time: Int64, _ labels: RecordLabels?, to view: Int) {
    let history = histories[view]
    let fault = labels?.field.flatMap { FieldPath(dotted: $0) }
    func isTouched(_ paths: [FieldPath]) -> Bool { fault.map { fault in paths.contains { Self.meet($0, fault) } } ?? false }
    let predicatePaths = history.predicate?.fieldPaths ?? []
    let isMember = viewPredicates[view].map { program.results($0)[row] != 0 } ?? true
    guard isMember || isTouched(predicatePaths) else { return }
    guard let key = key(row, view) else {
      if isMember { histories[view].keylessCount += 1 }
      return
    }
    var entry = HistoryEntry(time: time, isClean: isMember, least: isMember ? 1 : 0, most: 1, delay: 0, hits: [])
    if hasClocksAhead { entry.least = 0 }
    if let labels {
      entry.most = isDeduplicated ? 1 : 1 + labels.copyCount
      entry.delay = Self.delay(labels)
      if !labels.isSent || labels.marks.contains(.corrupt) { (entry.least, entry.most) = (0, 0) }
      if isTouched(predicatePaths + (source.eventTime.path.map { [$0] } ?? []) + (history.keyPath.map { [$0] } ?? [])) {
        entry.least = 0
      }
      if let path = history.keyPath, isTouched([path]) { histories[view].hasForeignKeys = true }
    }
    for feature in history.features.indices {
      if let hit = hit(row, view, feature, isTouched) { entry.hits.append(hit) }
    }
    if let labels, labels.skewMilliseconds != 0 {
      // By its own clock it happened elsewhere: the clean stream has it here, the reader there.
      var elsewhere = entry
      elsewhere.time += labels.skewMilliseconds
      elsewhere.isClean = false
      elsewhere.least = 0
      histories[view].keys[key, default: []].append(elsewhere)
      (entry.least, entry.most) = (0, 0)
    }
    histories[view].keys[key, default: []].append(entry)
  }

  /// What a feature takes of a record; nil where nothing.
  private func hit(_ row: Int, _ view: Int, _ feature: Int, _ isTouched: ([FieldPath]) -> Bool) -> HistoryEntry.Hit? {
    let definition = histories[view].features[feature]
    let holds = featurePredicates[view][feature].map { program.results($0)[row] != 0 } ?? true
    let touches = isTouched(definition.predicate?.fieldPaths ?? [])
    guard holds || touches else { return nil }
    var hit = HistoryEntry.Hit(feature: feature, value: 0, integer: 0, isClean: holds, isCertain: holds && !touches)
    guard let column = fieldColumns[view][feature] else { return hit }
    if isTouched([definition.field!]) { hit.isCertain = false }
    let value = columns.column(column)[row]
    switch value.kind {
    case .missing, .null: return nil
    case .integer: (hit.value, hit.integer) = (Double(value.integer), value.integer)
    case .double: (hit.value, hit.integer) = (value.double, nil)
    default: if definition.function != .count { return nil }
    }
    return hit
  }

  /// As the processor has it: texts and whole numbers are keys.
  private func key(_ row: Int, _ view: Int) -> String? {
    guard let column = keyColumns[view] else { return "" }
    let value = columns.column(column)[row]
    switch value.kind {
    case .string: return String(decoding: value.bytes, as: UTF8.self)
    case .integer: return String(value.integer)
    default: return nil
    }
  }

  private static func delay(_ labels: RecordLabels) -> Int64 {
    let isHeld = !labels.marks.isDisjoint(with: [.late, .reorder])
    guard isHeld else { return 0 }
    return labels.marks.isSuperset(of: [.late, .reorder]) ? .max : labels.delayMilliseconds
  }

  /// Whether one path is the other, or leads to it.
  private static func meet(_ a: FieldPath, _ b: FieldPath) -> Bool { zip(a.components, b.components).allSatisfy { $0 == $1 } }
}
