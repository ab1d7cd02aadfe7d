// One batch from bytes to what windows read: columns, event times, predicates, and for each partition its rows in order. Records that cannot
// be read are listed with their reason.

import Base
import Codec
import Features
import Records
import Windowing

final class BatchDecoder {
  /// The rows of one partition in a batch.
  struct PartitionRows {
    var partition: PartitionIndex
    var rows: ContiguousArray<Int32> = []
    /// The offset after the last record of the batch, whether it could be read or not.
    var nextOffset: Offset = 0
    var firstOffset: Offset = 0
    /// Offsets between the first and the last that no record had.
    var missingCount: Int64 = 0
  }

  /// A record that no view can use.
  struct Rejection {
    var row: Int
    var reason: RejectionReason
  }

  /// Those of the last batch, in its order.
  private(set) var rejections: ContiguousArray<Rejection> = []
  private let plan: ProcessingPlan
  private let reader: any RecordDecoder
  private let metadata: MetadataColumns
  private let program: ExpressionProgram
  private let columns: Columns
  /// By row; and the rows of a run of one partition. Room for `rowCapacity` each.
  private var times: UnsafeMutablePointer<Int64>
  private var runRows: UnsafeMutablePointer<Int32>
  private var rowCapacity = 0
  /// The column that event times are read from; nil where they are the records' own.
  private var timeValues: UnsafePointer<ColumnValue>?
  private let isInMilliseconds: Bool
  private var columnStarts: [UnsafePointer<ColumnValue>] = []
  private var predicateStarts: [UnsafePointer<UInt8>] = []
  /// The partitions of the batch, in the order in which they first came; those past `partitionCount` are kept for their memory.
  private var partitions: [PartitionRows] = []
  private(set) var partitionCount = 0
  private let requiresRecordKey: Bool
  private let sourceName: String
  private let isPartitioned: Bool

  /// - Parameters:
  ///   - isPartitioned: Whether offsets count records of partitions, rather than bytes of one input.
  ///   - requiresRecordKey: Every entity key must equal the record's key, because the topic has several partitions.
  ///   - registry: Where the schemas of Avro records are found by number.
  init(
    _ plan: ProcessingPlan, sourceName: String, isPartitioned: Bool, requiresRecordKey: Bool, registry: AvroSchemaLookup? = nil
  ) {
    self.isPartitioned = isPartitioned
    self.plan = plan
    self.sourceName = sourceName
    self.requiresRecordKey = requiresRecordKey
    reader = Self.decoder(of: plan, registry)
    // Recent events have theirs as fields.
    metadata = MetadataColumns(paths: plan.isOfRecentEvents ? [] : plan.paths)
    columns = Columns(columnCount: plan.paths.count)
    let indices = Dictionary(uniqueKeysWithValues: plan.paths.enumerated().map { ($1, $0) })
    program = ExpressionProgram(
      plan.predicates, values: plan.computedColumns.map { .field($0) }, computed: plan.computedFields
    ) { indices[$0]! }
    isInMilliseconds = plan.source.eventTime.format == .epochMilliseconds
    times = .allocate(capacity: 1)
    runRows = .allocate(capacity: 1)
  }

  deinit {
    times.deallocate()
    runRows.deallocate()
  }

  private static func decoder(of plan: ProcessingPlan, _ registry: AvroSchemaLookup?) -> any RecordDecoder {
    guard case .avro(let settings) = plan.source.format else { return JSONColumnReader(paths: plan.paths) }
    if let schema = settings.schema { return AvroColumnReader(paths: plan.paths, .given(schema)) }
    return AvroColumnReader(paths: plan.paths, registry.map { .registry($0) } ?? .batch)
  }

  /// The partitions met in the last batch.
  var decodedPartitions: ArraySlice<PartitionRows> { partitions[..<partitionCount] }

  /// Decodes `batch`; the results stand until the batch is filled again.
  func decode(_ batch: RecordBatch, counts: inout ProcessingCounts) throws(Failure) {
    try reader.decode(batch, into: columns)
    // A format looks for what it knows by name: no field of a record is called like these.
    metadata.fill(batch, columns)
    let rowCount = batch.count
    program.evaluate(columns, rowCount: rowCount)
    reserve(rowCount)
    columnStarts.removeAll(keepingCapacity: true)
    for column in plan.columns {
      switch column {
      case .decoded(let index): columnStarts.append(UnsafePointer(columns.column(index)))
      case .computed(let index): columnStarts.append(program.values(index))
      }
    }
    predicateStarts.removeAll(keepingCapacity: true)
    for predicate in plan.predicates.indices { predicateStarts.append(program.results(predicate)) }
    timeValues = plan.timeColumn.map { columnStarts[$0] }
    try assignRows(batch)
    counts.records += Int64(rowCount)
    for row in 0..<rowCount { counts.byteCount += Int64(batch.slots[row].valueCount) }
  }

  private func reserve(_ rowCount: Int) {
    guard rowCount > rowCapacity else { return }
    rowCapacity = max(rowCount, rowCapacity * 2)
    times.deallocate()
    runRows.deallocate()
    times = .allocate(capacity: rowCapacity)
    // Rows that are rejected have no time, and are never asked for it.
    times.initialize(repeating: 0, count: rowCapacity)
    runRows = .allocate(capacity: rowCapacity)
  }

  /// Where in the last batch predicates were unknown for a reason.
  var unknownRows: ContiguousArray<(row: Int, predicate: Int, reasons: NullReasons)> { program.unknownRows }

  /// In how many records, over all batches, computed fields were null for a reason.
  var computedNullCounts: NullCounts {
    plan.computedColumns.indices.reduce(into: NullCounts()) { $0 = $0 + program.nullCounts(ofValue: $1) }
  }

  /// The values of a column in the last batch, by row.
  func column(_ index: Int) -> UnsafePointer<ColumnValue> { columnStarts[index] }

  /// Whether a predicate holds for a row of the last batch.
  func holds(_ predicate: Int, _ row: Int) -> Bool { predicateStarts[predicate][row] != 0 }

  /// The event times of the last batch, by row.
  func withTimes(_ body: (UnsafePointer<Int64>) -> Void) { body(times) }

  /// Lends what an engine needs for `rows` of the last batch.
  func withInput<Result>(of rows: ContiguousArray<Int32>, _ body: (WindowInput) throws -> Result) rethrows -> Result {
    try rows.withUnsafeBufferPointer { rows in
      try body(WindowInput(rows: rows, times: times, columns: columnStarts, predicates: predicateStarts))
    }
  }

  // MARK: Rows

  private func assignRows(_ batch: RecordBatch) throws(Failure) {
    partitionCount = 0
    rejections.removeAll(keepingCapacity: true)
    // Records of one partition come in runs, so what is noted of a partition is noted once per run.
    var row = 0
    while row < batch.count {
      let current = partitionSlot(batch.slots[row])
      var rowCount = 0
      var nextOffset = partitions[current].nextOffset
      var missingCount: Int64 = 0
      let partition = partitions[current].partition
      while row < batch.count, batch.slots[row].partition == partition {
        let offset = batch.slots[row].offset
        missingCount += offset - nextOffset
        nextOffset = offset + 1
        if let time = try eventTime(row, batch) {
          if requiresRecordKey { try checkRecordKey(row, batch) }
          times[row] = time
          runRows[rowCount] = Int32(truncatingIfNeeded: row)
          rowCount += 1
        }
        row += 1
      }
      partitions[current].nextOffset = nextOffset
      partitions[current].missingCount += missingCount
      partitions[current].rows.append(contentsOf: UnsafeBufferPointer(start: runRows, count: rowCount))
    }
  }

  /// The event time of a record that can be used; notes why another cannot.
  @inline(__always)
  private func eventTime(_ row: Int, _ batch: RecordBatch) throws(Failure) -> Int64? {
    if columns.statuses[row] == .valid, let timeValues, isInMilliseconds, timeValues[row].kind == .integer,
      Watermark.eventTimeRange.contains(timeValues[row].integer)
    {
      return timeValues[row].integer
    }
    return try unusualEventTime(row, batch)
  }

  @inline(never)
  private func unusualEventTime(_ row: Int, _ batch: RecordBatch) throws(Failure) -> Int64? {
    // No record, but it has its place among them; nobody looks at its time.
    if !batch.origins.isEmpty, batch.origins[row].isMarker { return .min }
    guard columns.statuses[row] == .valid else {
      try reject(RejectionReason(columns.statuses[row]), row, batch)
      return nil
    }
    let reading =
      timeValues.map { EventTimeReading($0[row], plan.source.eventTime.format) } ?? EventTimeReading(record: batch.slots[row])
    if case .time(let milliseconds) = reading { return milliseconds }
    try reject(reading == .missing ? .missingEventTime : .invalidEventTime, row, batch)
    return nil
  }

  private func partitionSlot(_ slot: RecordSlot) -> Int {
    for index in 0..<partitionCount where partitions[index].partition == slot.partition { return index }
    if partitionCount == partitions.count { partitions.append(PartitionRows(partition: slot.partition)) }
    partitions[partitionCount].partition = slot.partition
    partitions[partitionCount].firstOffset = slot.offset
    partitions[partitionCount].nextOffset = slot.offset
    partitions[partitionCount].missingCount = 0
    partitions[partitionCount].rows.removeAll(keepingCapacity: true)
    partitionCount += 1
    return partitionCount - 1
  }

  /// Where the topic has several partitions, records of one entity must share one: Kafka puts equal keys together, so the entity's key has
  /// to be the record's key.
  private func checkRecordKey(_ row: Int, _ batch: RecordBatch) throws(Failure) {
    for (entity, path, column) in plan.keyColumns {
      let value = columnStarts[column][row]
      let isSame: Bool
      switch value.kind {
      case .missing, .null: continue
      case .string: isSame = batch.key(row).map { $0.elementsEqual(value.bytes) } ?? false
      case .integer: isSame = batch.key(row).map { $0.elementsEqual("\(value.integer)".utf8) } ?? false
      default: continue
      }
      if isSame { continue }
      let key = batch.key(row).map { "'\(String(decoding: $0.prefix(80), as: UTF8.self))'" } ?? "no key"
      throw Failure(
        .badConfiguration,
        "\(position(row, batch)): the record has \(key), but entity '\(entity)' is keyed by '\(path)'; records of one entity would be "
          + "spread over partitions. Say what the topic is keyed by ('key: FIELD' or 'key: none' in the source's 'kafka:'), and they "
          + "are brought together, or produce with that field as the record's key")
    }
  }

  // MARK: Rejections

  private func reject(_ reason: RejectionReason, _ row: Int, _ batch: RecordBatch) throws(Failure) {
    rejections.append(Rejection(row: row, reason: reason))
    if plan.source.errorAction == .stop {
      throw Failure(.badData, "\(example(row, batch, explanation(reason, row, batch))) (on_error: stop)")
    }
  }

  /// Where a record stands, what is to say of it, and how it begins.
  func example(_ row: Int, _ batch: RecordBatch, _ explanation: String) -> String {
    let excerpt = reader.excerpt(ofRow: row, in: batch)
    return "\(position(row, batch)): \(explanation)" + (excerpt.map { ": \($0)" } ?? "")
  }

  /// What is wrong with a rejected record.
  func explanation(_ reason: RejectionReason, _ row: Int, _ batch: RecordBatch) -> String {
    switch reason {
    case .malformed, .notAnObject, .unknownSchema: reader.explanation(ofRow: row, in: batch)
    case .empty: "the value is empty"
    case .missingEventTime: "no event time in '\(plan.source.eventTime.path.map(\.description) ?? "the record's timestamp")'"
    case .invalidEventTime:
      "'\(plan.source.eventTime.path.map(\.description) ?? "timestamp")' is no \(plan.source.eventTime.format.rawValue) time"
    }
  }

  /// Where a record stands, for messages; in a file or a pipe the offset is that of its line, in a container the number of the record.
  private func position(_ row: Int, _ batch: RecordBatch) -> String {
    let slot = batch.slots[row]
    if !batch.origins.isEmpty {
      return "topic \(batch.topic), partition \(batch.origins[row].partition), offset \(batch.origins[row].offset)"
    }
    if isPartitioned { return "\(sourceName), partition \(slot.partition), offset \(slot.offset)" }
    return "\(sourceName), \(batch.schema == nil ? "byte" : "record") \(slot.offset)"
  }
}

extension RejectionReason {
  fileprivate init(_ status: RecordStatus) {
    switch status {
    case .valid: preconditionFailure("a valid record is not rejected for its status")
    case .malformed: self = .malformed
    case .notAnObject: self = .notAnObject
    case .empty: self = .empty
    case .unknownSchema: self = .unknownSchema
    }
  }
}

/// What a record says about when it happened.
enum EventTimeReading: Equatable {
  case time(Int64)
  case missing
  case invalid

  @inline(__always)
  init(_ value: ColumnValue, _ format: EventTimeSettings.Format) {
    guard !value.isNull else {
      self = .missing
      return
    }
    let milliseconds: Int64?
    switch format {
    case .rfc3339: milliseconds = value.kind == .string ? TimeText.milliseconds(fromRFC3339: value.bytes) : nil
    case .epochMilliseconds: milliseconds = Self.number(value, factor: 1)
    case .epochSeconds: milliseconds = Self.number(value, factor: 1000)
    case .record: milliseconds = nil
    }
    self = milliseconds.flatMap { Watermark.eventTimeRange.contains($0) ? .time($0) : nil } ?? .invalid
  }

  init(record slot: RecordSlot) {
    if slot.timestamp == .min {
      self = .missing
    } else {
      self = Watermark.eventTimeRange.contains(slot.timestamp) ? .time(slot.timestamp) : .invalid
    }
  }

  /// Integers exactly, decimals rounded down to the millisecond.
  private static func number(_ value: ColumnValue, factor: Int64) -> Int64? {
    switch value.kind {
    case .integer:
      let (product, overflow) = value.integer.multipliedReportingOverflow(by: factor)
      return overflow ? nil : product
    case .double:
      // A millisecond's worth of binary rounding must not lose the millisecond: 1700000000.001 s is ...001.0000002 or ...000.9999998.
      let scaled = (value.double * Double(factor) + 1e-4).rounded(.down)
      return abs(scaled) < 9e15 ? Int64(scaled) : nil
    default: return nil
    }
  }
}
