// The features of a view of requests: expressions over what a request brings and over values of other views, compiled once and evaluated row by row,
// `on_divide_by_zero` and `default` included.
//
//   [ inputs of the view | values of other views, each once ]  ->  [ features of the view, in its order ]

import Base
import Records
import Schema

/// Belongs to one thread.
public final class RequestExpressions {
  /// A feature's value; of a null that an expression made, why it is one.
  public struct Result: Sendable, Equatable {
    public var value: TypedValue
    public var nullReasons: NullReasons

    public init(_ value: TypedValue, _ nullReasons: NullReasons = []) {
      self.value = value
      self.nullReasons = nullReasons
    }
  }

  public let view: RequestView
  /// The values of other views that the features read, each once.
  public let references: [FeatureReference]
  private let program: ExpressionProgram
  private let columns: UnsafeMutablePointer<ColumnValue>
  private let columnStarts: [UnsafePointer<ColumnValue>]
  /// The texts of the row that is being evaluated.
  private let text = ByteBuffer()

  public init(_ view: RequestView, in pipeline: PipelineDefinition) {
    self.view = view
    let references = view.references(in: pipeline)
    self.references = references
    let columnCount = view.inputs.count + references.count
    var places: [FieldPath: Int] = [:]
    for (index, input) in view.inputs.enumerated() { places[FieldPath([input.name])] = index }
    for feature in view.features {
      for path in feature.derivation!.expression.fieldPaths where path.components.count == 2 {
        guard let reference = pipeline.reference(path), let place = references.firstIndex(of: reference) else { continue }
        places[path] = view.inputs.count + place
      }
    }
    program = ExpressionProgram(
      [], values: view.features.map { .field(FieldPath([$0.name])) },
      computed: view.features.map { ComputedField(path: FieldPath([$0.name]), expression: $0.derivedExpression) }
    ) { path in
      guard let place = places[path] else { preconditionFailure("the reader has found '\(path)' of view '\(view.name)'") }
      return place
    }
    columns = .allocate(capacity: max(1, columnCount))
    columns.initialize(repeating: .null, count: max(1, columnCount))
    let columns = columns
    columnStarts = (0..<columnCount).map { UnsafePointer(columns + $0) }
  }

  deinit { columns.deallocate() }

  /// The features of one row, in the order of the view. Every input must be there, if only as null; names that the view does not know are
  /// passed over, because a request may ask for several views.
  ///
  /// - Parameter reference: The value of another view's feature, null where it has none.
  public func evaluate(
    inputs: [String: TypedValue], reference: (FeatureReference) -> TypedValue
  ) throws(Failure) -> [Result] {
    text.removeAll()
    var texts: [(column: Int, start: Int)] = []
    for (index, input) in view.inputs.enumerated() {
      store(try value(of: input, inputs[input.name]), at: index, &texts)
    }
    for (index, other) in references.enumerated() { store(reference(other), at: view.inputs.count + index, &texts) }
    // The buffer moves no more.
    for (column, start) in texts { columns[column].bits = UInt64(UInt(bitPattern: text.base + start)) }
    program.evaluate(columns: columnStarts, rowCount: 1)
    return view.features.indices.map { index in
      let value = program.values(index)[0]
      return Result(TypedValue(value), value.kind == .null ? value.nullReasons : [])
    }
  }

  private func store(_ value: TypedValue, at column: Int, _ texts: inout [(column: Int, start: Int)]) {
    func put(_ string: String, _ kind: ValueKind) {
      let start = text.count
      text.append(string)
      texts.append((column, start))
      columns[column] = ColumnValue(kind: kind, byteCount: UInt32(text.count - start))
    }
    switch value {
    case .null: columns[column] = .null
    case .bool(let value): columns[column] = ColumnValue(bool: value)
    case .integer(let value): columns[column] = ColumnValue(integer: value)
    // Expressions know finite numbers alone.
    case .double(let value): columns[column] = value.isFinite ? ColumnValue(double: value) : .null(.outOfRange)
    case .string(let value): put(value, .string)
    case .composite(let json): put(json, .composite)
    }
  }

  // MARK: - Inputs

  /// What a request says of an input, as its type wants it.
  private func value(of input: RequestInput, _ found: TypedValue?) throws(Failure) -> TypedValue {
    guard let found else {
      throw Failure(
        .badData,
        "input '\(input.name)' is missing: view '\(view.name)' needs it, \(input.kind.phrase), or null where it is not known")
    }
    if case .null = found { return .null }
    guard let value = input.kind.value(of: found) else {
      var shown = found.text
      if shown.count > 80 { shown = "\(shown.prefix(80))..." }
      throw Failure(
        .badData,
        "input '\(input.name)' of view '\(view.name)': expected \(input.kind.phrase), found \(found.phrase), \(shown)")
    }
    return value
  }
}

extension RequestInput.Kind {
  /// For messages.
  public var phrase: String {
    switch self {
    case .bool: "a boolean"
    case .integer: "an integer of 64 bits"
    case .double: "a number"
    case .string: "a string"
    case .timestamp: "a time (epoch milliseconds, or RFC 3339 text)"
    }
  }

  /// A value that is not null as one of this kind; nil where it is none. Whole numbers are integers however they are written.
  func value(of found: TypedValue) -> TypedValue? {
    switch (self, found) {
    case (.bool, .bool), (.integer, .integer), (.timestamp, .integer), (.string, .string): return found
    case (.integer, .double(let value)), (.timestamp, .double(let value)): return Int64(exactly: value).map { .integer($0) }
    case (.double, .integer(let value)): return .double(Double(value))
    case (.double, .double(let value)): return value.isFinite ? found : nil
    case (.timestamp, .string(var text)):
      return text.withUTF8 { TimeText.milliseconds(fromRFC3339: $0) }.map { .integer($0) }
    default: return nil
    }
  }
}
