// Rows of a pipeline as they were found: printed by a processor, or read back from its store.

import Base
import Codec
import Features
import Records

/// A value of a row.
public enum FoundValue: Sendable, Equatable {
  case null
  case integer(Int64)
  case double(Double)
  case other(String)

  /// As a store keeps it; nil for an absent field.
  public init(stored text: String?) {
    guard let text else {
      self = .null
      return
    }
    if let integer = Int64(text) {
      self = .integer(integer)
    } else if let double = Double(text) {
      self = .double(double)
    } else {
      self = .other(text)
    }
  }

  init(_ value: ColumnValue) {
    self =
      switch value.kind {
      case .missing, .null: .null
      case .bool: .other(value.bool ? "true" : "false")
      case .integer: .integer(value.integer)
      case .double: .double(value.double)
      case .string, .composite: .other(String(decoding: value.bytes, as: UTF8.self))
      }
  }

  var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .double(let value): value
    case .null, .other: nil
    }
  }

  var text: String {
    switch self {
    case .null: "null"
    case .integer(let value): "\(value)"
    case .double(let value): "\(value)"
    case .other(let text): "'\(text)'"
    }
  }
}

public struct FoundRow: Sendable {
  /// The view's name.
  public var view: String
  /// Empty for `entity: all`.
  public var key: String
  /// Nil for a current value.
  public var window: Range<Int64>?
  /// Nil where the row does not say.
  public var asOf: Int64?
  /// By feature name.
  public var values: [String: FoundValue]

  public init(view: String, key: String, window: Range<Int64>?, asOf: Int64?, values: [String: FoundValue]) {
    self.view = view
    self.key = key
    self.window = window
    self.asOf = asOf
    self.values = values
  }
}

/// Reads rows as `freshet process --to stdout` prints them.
public struct PrintedRows {
  private let pipeline: PipelineDefinition
  private let paths: [FieldPath]
  private let places: [String: Int]

  public init(_ pipeline: PipelineDefinition) {
    self.pipeline = pipeline
    var names = ["view", "window_start", "window_end", "as_of"]
    for view in pipeline.views {
      let key = view.entity.map { [pipeline.entities[$0].keyFieldName] } ?? []
      for name in key + view.features.map(\.name) where !names.contains(name) { names.append(name) }
    }
    paths = names.map { FieldPath([$0]) }
    places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
  }

  /// Hands over every row of the pipeline's views. Fails with 65 at a line that is no row.
  public func read(_ source: any Source, _ body: (FoundRow) throws -> Void) throws {
    let reader = JSONColumnReader(paths: paths)
    let columns = Columns(columnCount: paths.count)
    let batch = RecordBatch()
    while try source.poll(into: batch, maximumCount: 4096, timeoutMilliseconds: 1000) != .endOfInput {
      reader.decode(batch, into: columns)
      for row in 0..<batch.count {
        let place = "\(source.name), byte \(batch.slots[row].offset)"
        guard columns.statuses[row] == .valid else { throw Failure(.badData, "\(place): not an object of JSON") }
        func value(_ name: String) -> ColumnValue { columns.column(places[name]!)[row] }
        guard value("view").kind == .string else { throw Failure(.badData, "\(place): a row without 'view'") }
        let name = String(decoding: value("view").bytes, as: UTF8.self)
        guard let view = pipeline.views.first(where: { $0.name == name }) else {
          throw Failure(.badData, "\(place): a row of view '\(name)', which pipeline '\(pipeline.name)' does not have")
        }
        try body(found(view, value, place))
      }
    }
  }

  private func found(_ view: FeatureView, _ value: (String) -> ColumnValue, _ place: String) throws(Failure) -> FoundRow {
    func integer(_ name: String) -> Int64? { value(name).kind == .integer ? value(name).integer : nil }
    var row = FoundRow(view: view.name, key: "", window: nil, asOf: integer("as_of"), values: [:])
    if let entity = view.entity {
      let name = pipeline.entities[entity].keyFieldName
      guard value(name).kind == .string else { throw Failure(.badData, "\(place): a row of view '\(view.name)' without '\(name)'") }
      row.key = String(decoding: value(name).bytes, as: UTF8.self)
    }
    if view.trigger == .close {
      guard let start = integer("window_start"), let end = integer("window_end"), start <= end else {
        throw Failure(.badData, "\(place): a row of view '\(view.name)' without 'window_start' and 'window_end'")
      }
      row.window = start..<end
    } else if row.asOf == nil {
      throw Failure(.badData, "\(place): a row of view '\(view.name)' without 'as_of'")
    }
    for feature in view.features { row.values[feature.name] = FoundValue(value(feature.name)) }
    return row
  }
}
