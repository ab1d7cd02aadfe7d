// What the windows of a stream's reader should hold: counts and sums per key and tumbling window, from the clean stream; and how far from that the
// labelled faults may take them. It shares no code with the windows of the processor.
//
// Each value has bounds beside it. What surely does not arrive, or does not read, moves both; what may be dropped as late or fail a condition moves
// the lower one; what comes twice moves the upper one, as the reader may tell copies apart or not.

import Base
import Codec
import Features
import Generation
import Records
import Schema

/// A count or a sum, and what faults explain.
public struct ExpectedValue: Sendable {
  /// How many values went into it.
  public internal(set) var count: Int64 = 0
  public internal(set) var countBounds: ClosedRange<Int64> = 0...0
  public internal(set) var sum = ExactSum()
  /// By how much the sum may be less or more.
  public internal(set) var sumBounds: ClosedRange<Double> = 0...0
  /// The sum of the magnitudes: what rounding errors are a part of.
  public internal(set) var magnitude = 0.0

  mutating func add(_ value: Double, integer: Int64?, _ effect: Effect) {
    count += 1
    sum.add(value, integer: integer)
    magnitude += abs(value)
    shift(1, value, effect.least, effect.most)
  }

  /// Something that belongs elsewhere and may come here.
  mutating func admit(_ value: Double, times: Int) {
    magnitude += abs(value) * Double(times)
    countBounds = countBounds.lowerBound...(countBounds.upperBound + Int64(times))
    let most = value * Double(times)
    sumBounds = (sumBounds.lowerBound + min(most, 0))...(sumBounds.upperBound + max(most, 0))
  }

  /// A value comes at least `least` times and at most `most` times.
  private mutating func shift(_ one: Int64, _ value: Double, _ least: Int, _ most: Int) {
    countBounds = (countBounds.lowerBound + Int64(least) * one)...(countBounds.upperBound + Int64(most) * one)
    let ends = [value * Double(least), value * Double(most)]
    sumBounds = (sumBounds.lowerBound + min(ends[0], ends[1]))...(sumBounds.upperBound + max(ends[0], ends[1]))
  }
}

/// How often a record may count in its own window.
struct Effect {
  var least = 1
  var most = 1
}

/// A sum of integers as one, of anything else with the error of each addition carried along (Neumaier 1974).
public struct ExactSum: Sendable, Equatable {
  private var total = 0.0
  private var rest = 0.0
  private var integer: Int64? = 0

  public init() {}

  mutating func add(_ value: Double, integer other: Int64?) {
    if let mine = integer, let other {
      let (sum, isOver) = mine.addingReportingOverflow(other)
      integer = isOver ? nil : sum
    } else {
      integer = nil
    }
    let sum = total + value
    rest += abs(total) >= abs(value) ? (total - sum) + value : (value - sum) + total
    total = sum
  }

  public var value: Double { total + rest }

  /// As it stands in a row.
  public var text: String { integer.map(String.init) ?? "\(value)" }
}

public struct ExpectedWindows {
  public struct Place: Hashable, Comparable, Sendable {
    public var key: String
    /// In ms since the epoch.
    public var start: Int64

    public static func < (left: Place, right: Place) -> Bool { (left.start, left.key) < (right.start, right.key) }
  }

  /// One key in one window.
  public struct Row: Sendable {
    /// Records, whatever the conditions of the aggregates let through.
    public var records = ExpectedValue()
    public var values: [ExpectedValue]
  }

  public let question: WindowQuestion
  public private(set) var rows: [Place: Row] = [:]
  /// Records without a key.
  public private(set) var keylessCount = 0
  /// Whether clocks that go ahead have made others look late, which explains any loss.
  public private(set) var hasClocksAhead = false

  private let reader: JSONColumnReader
  private let columns: Columns
  private let keyColumn: Int
  private let fieldColumns: [Int?]
  private let program: ExpressionProgram
  /// Which predicate of the program an aggregate has.
  private let predicates: [Int?]

  /// Makes the stream of a truth file again and puts its records into windows.
  public init(_ question: WindowQuestion, _ truth: TruthFile, _ plan: GenerationPlan) throws(Failure) {
    self.question = question
    guard plan.schema.outputs.allSatisfy({ $0.format == .json || $0.format == .cloudevents }) else {
      throw Failure(.badConfiguration, "the fields of records can only be read from JSON, which this schema does not write")
    }
    let expressions = [question.predicate] + question.aggregates.map(\.predicate)
    var paths: [FieldPath] = []
    for path in [question.key] + question.aggregates.compactMap(\.field) + expressions.compactMap({ $0?.fieldPaths }).joined()
    where !paths.contains(path) { paths.append(path) }
    let known = Set(plan.schema.fieldPaths)
    for path in paths where !known.contains(path.description) {
      throw Failure(.usage, "no event of '\(plan.schema.name)' has a field '\(path)'")
    }
    reader = JSONColumnReader(paths: paths)
    columns = Columns(columnCount: paths.count)
    keyColumn = 0
    fieldColumns = question.aggregates.map { aggregate in aggregate.field.flatMap { paths.firstIndex(of: $0) } }
    var place = 0
    var predicates: [Int?] = []
    for expression in expressions {
      predicates.append(expression == nil ? nil : place)
      if expression != nil { place += 1 }
    }
    self.predicates = predicates
    program = ExpressionProgram(expressions.compactMap { $0 }) { path in paths.firstIndex(of: path) ?? 0 }
    hasClocksAhead = truth.labels.values.contains { $0.skewMilliseconds > 0 }
    // The clean stream: labels say what became of it.
    let generator = truth.generator(plan, isClean: true)
    let batch = RecordBatch(slotCapacity: 256)
    while generator.fill(batch) {
      reader.decode(batch, into: columns)
      program.evaluate(columns, rowCount: batch.count)
      for row in 0..<batch.count { add(batch.slots[row], row, truth.labels[batch.slots[row].offset]) }
    }
  }

  private mutating func add(_ slot: RecordSlot, _ row: Int, _ labels: RecordLabels?) {
    // A tombstone is no record of a window.
    guard columns.statuses[row] == .valid, holds(0, row) else { return }
    guard let key = text(columns.column(keyColumn)[row]) else {
      keylessCount += 1
      return
    }
    let effect = effect(labels)
    let place = Place(key: key, start: start(slot.timestamp))
    change(place) { $0.records.add(0, integer: 0, effect) }
    var elsewhere: Place?
    if let labels, labels.skewMilliseconds != 0, labels.isSent, !labels.marks.contains(.corrupt) {
      let other = Place(key: key, start: start(slot.timestamp + labels.skewMilliseconds))
      if other != place { elsewhere = other }
    }
    let most = 1 + (labels?.copyCount ?? 0)
    if let elsewhere { change(elsewhere) { $0.records.admit(0, times: most) } }
    for index in question.aggregates.indices where holds(index + 1, row) {
      var (value, integer) = (0.0, Int64?.some(0))
      if let column = fieldColumns[index] {
        let found = columns.column(column)[row]
        if found.isNull { continue }
        if question.aggregates[index].isSum {
          switch found.kind {
          case .integer: (value, integer) = (Double(found.integer), found.integer)
          case .double: (value, integer) = (found.double, nil)
          default: continue
          }
        }
      }
      change(place) { $0.values[index].add(value, integer: integer, effect) }
      if let elsewhere { change(elsewhere) { $0.values[index].admit(value, times: most) } }
    }
  }

  private mutating func change(_ place: Place, _ body: (inout Row) -> Void) {
    body(&rows[place, default: Row(values: question.aggregates.map { _ in ExpectedValue() })])
  }

  /// How often a record may count in the window of its time.
  private func effect(_ labels: RecordLabels?) -> Effect {
    var effect = Effect()
    if hasClocksAhead { effect.least = 0 }
    guard let labels else { return effect }
    if !labels.isSent || labels.marks.contains(.corrupt) { return Effect(least: 0, most: 0) }
    effect.most += labels.copyCount
    if !labels.marks.isDisjoint(with: [.late, .reorder, .missing, .wrongType, .skew]) { effect.least = 0 }
    // A clock that is wrong by less than a window may leave it where it is.
    return effect
  }

  private func holds(_ predicate: Int, _ row: Int) -> Bool {
    predicates[predicate].map { program.results($0)[row] != 0 } ?? true
  }

  private func start(_ time: Int64) -> Int64 {
    let rest = time % question.lengthMilliseconds
    return time - (rest < 0 ? rest + question.lengthMilliseconds : rest)
  }

  private func text(_ value: ColumnValue) -> String? {
    switch value.kind {
    case .missing, .null: nil
    case .bool: value.bool ? "true" : "false"
    case .integer: String(value.integer)
    case .double: "\(value.double)"
    case .string, .composite: String(decoding: value.bytes, as: UTF8.self)
    }
  }

  /// The expected rows as NDJSON, in the order of windows and keys.
  public func write(_ place: Place, _ row: Row, to out: ByteBuffer) {
    out.append("{\(JSONText.quoted(question.keyName)):\(JSONText.quoted(place.key))")
    out.append(",\"window_start\":\(place.start),\"window_end\":\(place.start + question.lengthMilliseconds)")
    for (aggregate, value) in zip(question.aggregates, row.values) {
      let text = aggregate.isSum ? (value.count == 0 ? "null" : value.sum.text) : String(value.count)
      out.append(",\(JSONText.quoted(aggregate.name)):\(text)")
    }
    out.append("}\n")
  }

  /// In the order of windows and keys, those that hold a record of the clean stream.
  public var places: [Place] { rows.filter { $0.value.records.count > 0 }.keys.sorted() }
}
