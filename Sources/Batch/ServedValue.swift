// What `serve --log-served` has noted: a line of JSON per value, read back into what has to be known to compare it.

import Base
import Codec
import Features
import Records

public struct ServedValue: Sendable {
  /// When it was served, in ms.
  public var time: Int64
  /// Index into `PipelineDefinition.views`.
  public var view: Int
  /// Index into the view's features.
  public var feature: Int
  public var lane: Lane
  /// Nil for `entity: all`.
  public var key: [UInt8]?
  public var value: TrainingValue
  /// Nothing was held of the key.
  public var isNotFound = false
  /// Older events were missing from the list that it was computed of.
  public var isTruncated = false
  /// The row's own; nil where it has none.
  public var asOf: Int64?
  /// The row has the records of this partition before this offset.
  public var position: (partition: PartitionIndex, offset: Offset)?
  /// The batch run, by when it began in ms.
  public var run: Int64?

  public init(time: Int64, view: Int, feature: Int, lane: Lane, key: [UInt8]?, value: TrainingValue) {
    self.time = time
    self.view = view
    self.feature = feature
    self.lane = lane
    self.key = key
    self.value = value
  }
}

/// Belongs to one thread.
public final class ServedValueReader {
  private static let names = [
    "time", "view", "lane", "feature", "value", "status", "key", "as_of", "position", "run", "truncated",
  ]

  private let pipeline: PipelineDefinition
  private let name: String
  private let reader = JSONColumnReader(paths: ServedValueReader.names.map { FieldPath([$0]) })
  private let columns = Columns(columnCount: ServedValueReader.names.count)
  private var lineCount = 0
  public private(set) var values: [ServedValue] = []
  /// Values of views that are computed from requests, of which no archive knows.
  public private(set) var requestValueCount = 0

  /// - Parameter name: Of the log, for messages.
  public init(_ pipeline: PipelineDefinition, name: String) {
    self.pipeline = pipeline
    self.name = name
  }

  /// Takes lines of the log.
  public func read(_ batch: RecordBatch) throws(Failure) {
    reader.decode(batch, into: columns)
    for row in 0..<batch.count {
      lineCount += 1
      guard columns.statuses[row] == .valid else { throw failure(reader.explanation(ofRow: row, in: batch)) }
      if let value = try value(row) { values.append(value) } else { requestValueCount += 1 }
    }
  }

  private func failure(_ text: String) -> Failure { Failure(.badData, "\(name):\(lineCount): \(text)") }

  private func text(_ column: Int, _ row: Int) -> String? {
    let value = columns.column(column)[row]
    return value.kind == .string ? String(decoding: value.bytes, as: UTF8.self) : nil
  }

  private func number(_ column: Int, _ row: Int) -> Int64? {
    let value = columns.column(column)[row]
    return value.kind == .integer ? value.integer : nil
  }

  /// Nil where the view is computed from requests.
  private func value(_ row: Int) throws(Failure) -> ServedValue? {
    guard let time = number(0, row), let viewName = text(1, row), let laneName = text(2, row), let featureName = text(3, row),
      let status = text(5, row)
    else {
      throw failure("no line of 'serve --log-served': expected 'time', 'view', 'lane', 'feature', 'value' and 'status'")
    }
    if pipeline.requestViews.contains(where: { $0.name == viewName }) { return nil }
    guard let view = pipeline.views.firstIndex(where: { $0.name == viewName }) else {
      throw failure("pipeline '\(pipeline.name)' has no view '\(viewName)'; is it the one that was served?")
    }
    guard let feature = pipeline.views[view].features.firstIndex(where: { $0.name == featureName }) else {
      throw failure("view '\(viewName)' has no feature '\(featureName)'; is it the one that was served?")
    }
    guard let lane = Lane(rawValue: laneName) else { throw failure("'lane': expected rt, nrt or batch, found '\(laneName)'") }
    let key = columns.column(6)[row]
    guard key.kind == .string || key.isNull else { throw failure("'key': expected a string or null") }
    var served = ServedValue(
      time: time, view: view, feature: feature, lane: lane,
      key: pipeline.views[view].entity == nil
        ? nil : Array(key.kind == .string ? key.bytes : UnsafeBufferPointer(start: nil, count: 0)),
      value: Self.value(columns.column(4)[row]))
    served.isNotFound = status == "NOT_FOUND"
    served.asOf = number(7, row)
    served.position = try position(row)
    served.run = number(9, row)
    served.isTruncated = columns.column(10)[row].kind == .bool && columns.column(10)[row].bool
    return served
  }

  private func position(_ row: Int) throws(Failure) -> (PartitionIndex, Offset)? {
    guard let text = text(8, row) else { return nil }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let partition = PartitionIndex(parts[0]), let offset = Offset(parts[1]), partition >= 0, offset >= 0
    else { throw failure("'position': expected PARTITION:OFFSET, found '\(text)'") }
    return (partition, offset)
  }

  private static func value(_ value: ColumnValue) -> TrainingValue {
    switch value.kind {
    case .missing, .null: .null
    case .bool: .bool(value.bool)
    case .integer: .integer(value.integer)
    case .double: .double(value.double)
    case .string: .string(String(decoding: value.bytes, as: UTF8.self))
    case .composite: .json(String(decoding: value.bytes, as: UTF8.self))
    }
  }
}
