// Windows give rows of aggregates. Before a store writes them, defaults stand for empty windows, and the features that are made of others are
// computed, a view's rows at a time:
//
//      values of a row   [ aggregates of the view ]   ->   [ features of the view, in its order ]
//
// Views without such features keep their rows as they are.

import Base
import Features
import Records
import Schema

/// Belongs to one worker.
final class RowFinisher {
  private final class View {
    /// Per aggregate: what stands for an empty window.
    let defaults: [Scalar?]
    /// The same: whether that is the text of a list.
    let listDefaults: [Bool]
    let hasDefaults: Bool
    let derived: Derived?
    /// Rows of the batch that wait for their derived features.
    var waiting: [Int] = []

    init(_ view: FeatureView) {
      defaults = view.aggregates.map(\.defaultValue)
      listDefaults = view.aggregates.map(\.function.givesList)
      hasDefaults = defaults.contains { $0 != nil }
      derived = view.features.contains { $0.derivation != nil } ? Derived(view) : nil
    }
  }

  private final class Derived {
    /// Per feature of the view: the number of its aggregate, or -1 - the number of its expression.
    let outputs: [Int]
    let program: ExpressionProgram
    let columns: Columns
    let valueCount: Int

    init(_ view: FeatureView) {
      let aggregates = view.aggregates
      let derived = view.features.filter { $0.derivation != nil }
      var outputs: [Int] = []
      for feature in view.features {
        let isDerived = feature.derivation != nil
        let place = (isDerived ? derived : aggregates).firstIndex { $0.name == feature.name }!
        outputs.append(isDerived ? -1 - place : place)
      }
      self.outputs = outputs
      let places = Dictionary(uniqueKeysWithValues: aggregates.enumerated().map { (FieldPath([$1.name]), $0) })
      program = ExpressionProgram(
        [], values: derived.map { .field(FieldPath([$0.name])) },
        computed: derived.map { ComputedField(path: FieldPath([$0.name]), expression: $0.derivedExpression) }
      ) { places[$0]! }
      columns = Columns(columnCount: aggregates.count)
      valueCount = derived.count
    }
  }

  private let views: [View]
  /// Some view has a default or a derived feature; else rows are complete as the windows give them.
  private let isNeeded: Bool

  init(_ views: [FeatureView]) {
    self.views = views.map(View.init)
    isNeeded = self.views.contains { $0.hasDefaults || $0.derived != nil }
  }

  /// In how many rows, of all batches, a derived feature of a view was null for a reason.
  func nullCounts(ofView view: Int) -> NullCounts {
    guard let derived = views[view].derived else { return NullCounts() }
    return (0..<derived.valueCount).reduce(into: NullCounts()) { $0 = $0 + derived.program.nullCounts(ofValue: $1) }
  }

  /// Completes the rows from `first` on.
  func finish(_ rows: FeatureRowBatch, from first: Int = 0) {
    guard isNeeded else { return }
    var waits = false
    for index in first..<rows.rows.count {
      let row = rows.rows[index]
      let view = views[Int(row.view)]
      if view.hasDefaults { fillDefaults(view, row, rows) }
      guard view.derived != nil else { continue }
      view.waiting.append(index)
      waits = true
    }
    guard waits else { return }
    for view in views where !view.waiting.isEmpty {
      derive(view.derived!, view.waiting, rows)
      view.waiting.removeAll(keepingCapacity: true)
    }
  }

  // MARK: - Defaults

  private func fillDefaults(_ view: View, _ row: FeatureRow, _ rows: FeatureRowBatch) {
    for (index, value) in view.defaults.enumerated() where rows.values[Int(row.firstValue) + index].kind == .missing {
      var filled = value.map { literal($0, rows) } ?? FeatureValue(kind: .null)
      if filled.kind == .string, view.listDefaults[index] { filled.kind = .composite }
      rows.values[Int(row.firstValue) + index] = filled
    }
  }

  private func literal(_ scalar: Scalar, _ rows: FeatureRowBatch) -> FeatureValue {
    switch scalar {
    case .null: return FeatureValue(kind: .null)
    case .bool(let value): return FeatureValue(kind: .bool, bits: value ? 1 : 0)
    case .integer(let value): return FeatureValue(kind: .integer, bits: UInt64(bitPattern: value))
    case .double(let value): return FeatureValue(kind: .double, bits: value.bitPattern)
    case .string(let value):
      let start = rows.bytes.count
      rows.bytes.append(value)
      return FeatureValue(kind: .string, bits: UInt64(start), byteCount: UInt32(rows.bytes.count - start))
    }
  }

  // MARK: - Derived features

  private func derive(_ derived: Derived, _ indices: [Int], _ rows: FeatureRowBatch) {
    let bytes = UInt64(UInt(bitPattern: rows.bytes.base))
    let byteCount = UInt64(rows.bytes.count)
    derived.columns.reset(rowCount: indices.count, textByteCount: 0)
    for column in 0..<derived.columns.columnCount {
      let values = derived.columns.column(column)
      for (place, index) in indices.enumerated() {
        let value = rows.values[Int(rows.rows[index].firstValue) + column]
        switch value.kind {
        case .missing, .null: values[place] = .null
        case .bool, .integer, .double: values[place] = ColumnValue(kind: value.kind, bits: value.bits)
        case .string, .composite:
          values[place] = ColumnValue(kind: value.kind, bits: bytes + value.bits, byteCount: value.byteCount)
        }
      }
    }
    derived.program.evaluate(derived.columns, rowCount: indices.count)
    let results = (0..<derived.valueCount).map { derived.program.values($0) }
    for (place, index) in indices.enumerated() {
      let first = Int(rows.rows[index].firstValue)
      rows.rows[index].firstValue = UInt32(rows.values.count)
      for output in derived.outputs {
        if output >= 0 {
          rows.values.append(rows.values[first + output])
          continue
        }
        let value = results[-1 - output][place]
        switch value.kind {
        case .missing, .null: rows.values.append(FeatureValue(kind: .null))
        case .bool, .integer, .double: rows.values.append(FeatureValue(kind: value.kind, bits: value.bits))
        case .string, .composite:
          // A text that stands in the batch already, as a feature's own or a part of it, is not copied. Its address stays comparable when the
          // batch's bytes have moved, as nothing else is allocated here.
          var start = value.bits &- bytes
          if start >= byteCount {
            start = UInt64(rows.bytes.count)
            rows.bytes.append(value.bytes)
          }
          rows.values.append(FeatureValue(kind: value.kind, bits: start, byteCount: value.byteCount))
        }
      }
    }
  }
}
