// Evaluates the expressions of a pipeline over columns: each distinct sub-expression once per batch, one flat pass over the rows per
// operation. Conditions give truths, one byte per row; everything else gives values of 16 bytes. A truth is a byte of flags, so that the
// logic of SQL (three values, and unknown for a reason told apart) is a few bit operations without a branch:
//
//      1 true     2 false     0 unknown (null)     with 0: 4 types do not fit, 8 outside the range of numbers, 16 division by zero
//
// A null that an operation made says in its bits why (`NullReasons`); a reason goes on to whatever becomes null because of it.
// Compiling is in `+Compiling`, the operations are in `+Conditions` and `+Values`.

import Base
import Records
import Schema

/// Why an operation gave null though none of its operands was: what a null made by an expression holds in `ColumnValue.bits`.
public struct NullReasons: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// A value of a type that the operation does not take, or a text that cannot be converted.
  public static let mismatch = NullReasons(rawValue: 1)
  /// An integer outside 64 bits, a double outside its range, or no number at all, as the root of a negative one.
  public static let outOfRange = NullReasons(rawValue: 2)
  public static let divisionByZero = NullReasons(rawValue: 4)
}

/// How many rows were null or unknown for which reason.
public struct NullCounts: Equatable, Sendable {
  public var mismatches = 0
  public var outOfRange = 0
  public var divisionsByZero = 0

  public init(mismatches: Int = 0, outOfRange: Int = 0, divisionsByZero: Int = 0) {
    self.mismatches = mismatches
    self.outOfRange = outOfRange
    self.divisionsByZero = divisionsByZero
  }
}

/// A field that is made of others; it may refer to those before it.
public struct ComputedField: Sendable, Hashable {
  public var path: FieldPath
  public var expression: Expression

  public init(path: FieldPath, expression: Expression) {
    self.path = path
    self.expression = expression
  }
}

/// Expressions compiled against column indices. Belongs to one thread.
public final class ExpressionProgram {
  /// One byte per row.
  typealias Truth = UInt8
  static let isTrue: Truth = 1
  static let isFalse: Truth = 2
  static let isMismatch: Truth = 4
  /// Where the reasons of an unknown begin.
  static let reasonShift: Truth = 2

  var operations: [ExpressionOperation] = []
  /// Where an operation writes: a truth column or a value column, by its kind.
  var slots: [Int] = []
  var truthCount = 0
  var valueCount = 0
  /// Operations by what they do, so that none is done twice.
  var operationOf: [ExpressionOperation: Int] = [:]
  var literalScalars: [Scalar] = []
  var literalIndices: [Scalar: Int] = [:]
  var patterns: [LikePattern] = []
  let columnOf: (FieldPath) -> Int
  let computed: [FieldPath: Expression]
  /// Computed fields that are compiled already.
  var computedTruths: [FieldPath: Int] = [:]
  var computedValues: [FieldPath: ValueOperand] = [:]

  /// For each predicate, the operation that gives its truth.
  private var predicateRoots: [Int] = []
  /// For each value, the column that holds it.
  private var valueRoots: [ValueOperand] = []
  private var predicateCounts: [NullCounts]
  private var valueCounts: [NullCounts]
  private(set) var literals = LiteralList([])
  /// Truths of all operations, then results of all predicates: `rowCapacity` bytes each.
  private var truthMemory: UnsafeMutablePointer<Truth>
  private var valueMemory: UnsafeMutablePointer<ColumnValue>
  private var rowCapacity = 0
  /// The columns of the last batch.
  private(set) var columnStarts: [UnsafePointer<ColumnValue>] = []
  /// Texts that were made in the last batch.
  let text = TextArena()

  /// Compiles `predicates` and `values`; `columnOf` gives the column that holds a field which is not among `computed`.
  public init(
    _ predicates: [Expression], values: [Expression] = [], computed: [ComputedField] = [], columnOf: @escaping (FieldPath) -> Int
  ) {
    predicateCounts = Array(repeating: NullCounts(), count: predicates.count)
    valueCounts = Array(repeating: NullCounts(), count: values.count)
    truthMemory = .allocate(capacity: 1)
    valueMemory = .allocate(capacity: 1)
    self.columnOf = columnOf
    self.computed = Dictionary(uniqueKeysWithValues: computed.map { ($0.path, $0.expression) })
    for predicate in predicates { predicateRoots.append(compileTruth(predicate)) }
    for value in values { valueRoots.append(compileColumn(value)) }
    literals = LiteralList(literalScalars)
  }

  deinit {
    truthMemory.deallocate()
    valueMemory.deallocate()
  }

  /// How many operations a batch costs, shared ones counted once.
  var operationCount: Int { operations.count }

  /// Rows of the last batch in which a predicate was unknown for a reason of its own; in most batches none.
  public private(set) var unknownRows: ContiguousArray<(row: Int, predicate: Int, reasons: NullReasons)> = []

  // MARK: - Evaluating

  /// Evaluates everything over the first `rowCount` rows. Rows without values (`missing` throughout) take part like any other.
  public func evaluate(_ columns: Columns, rowCount: Int) {
    precondition(rowCount <= columns.rowCount, "the columns have fewer rows")
    columnStarts.removeAll(keepingCapacity: true)
    for column in 0..<columns.columnCount { columnStarts.append(UnsafePointer(columns.column(column))) }
    run(rowCount)
  }

  /// The same over columns that lie anywhere; they live until the results have been read.
  public func evaluate(columns: [UnsafePointer<ColumnValue>], rowCount: Int) {
    columnStarts = columns
    run(rowCount)
  }

  private func run(_ rowCount: Int) {
    if rowCount > rowCapacity {
      rowCapacity = max(rowCount, rowCapacity * 2)
      truthMemory.deallocate()
      truthMemory = .allocate(capacity: max(1, rowCapacity * (truthCount + predicateRoots.count)))
      valueMemory.deallocate()
      valueMemory = .allocate(capacity: max(1, rowCapacity * valueCount))
    }
    text.removeAll()
    unknownRows.removeAll(keepingCapacity: true)
    for index in operations.indices {
      if operations[index].isCondition {
        run(condition: operations[index], rowCount, into: truths(index))
      } else {
        run(value: operations[index], rowCount, into: valueMemory + slots[index] * rowCapacity)
      }
    }
    for (predicate, root) in predicateRoots.enumerated() { finish(predicate, truths(root), rowCount) }
    for (value, root) in valueRoots.enumerated() { count(value, root, rowCount) }
  }

  /// Writes a predicate's results, and counts what was unknown for a reason.
  private func finish(_ predicate: Int, _ source: UnsafePointer<Truth>, _ rowCount: Int) {
    let results = truthMemory + (truthCount + predicate) * rowCapacity
    var reasonCount = 0
    for row in 0..<rowCount {
      results[row] = source[row] & Self.isTrue
      reasonCount &+= source[row] > 3 ? 1 : 0
    }
    guard reasonCount > 0 else { return }
    for row in 0..<rowCount where source[row] > 3 {
      let reasons = NullReasons(rawValue: source[row] &>> Self.reasonShift)
      predicateCounts[predicate].add(reasons)
      unknownRows.append((row, predicate, reasons))
    }
  }

  private func count(_ value: Int, _ root: ValueOperand, _ rowCount: Int) {
    guard case .value = root else { return }
    let values = values(of: root)
    for row in 0..<rowCount where values[row].isNull && values[row].bits != 0 {
      valueCounts[value].add(values[row].nullReasons)
    }
  }

  // MARK: - Results

  /// For each row of the last batch 1 where predicate `predicate` is true and 0 where it is false or unknown.
  public func results(_ predicate: Int) -> UnsafePointer<UInt8> {
    precondition(predicate < predicateRoots.count, "no such predicate")
    return UnsafePointer(truthMemory + (truthCount + predicate) * rowCapacity)
  }

  /// For each row of the last batch the value of expression `value`. Texts live until the next batch is evaluated, and no longer than the
  /// columns that they may point into.
  public func values(_ value: Int) -> UnsafePointer<ColumnValue> {
    precondition(value < valueRoots.count, "no such value")
    return values(of: valueRoots[value]).start
  }

  /// In how many rows, of all batches, predicate `predicate` was unknown because it met values of a type that does not fit.
  public func typeMismatchCount(_ predicate: Int) -> Int { predicateCounts[predicate].mismatches }

  /// In how many rows, of all batches, a value was null for a reason of its own.
  public func nullCounts(ofValue value: Int) -> NullCounts { valueCounts[value] }

  /// The same of a predicate that was unknown.
  public func nullCounts(ofPredicate predicate: Int) -> NullCounts { predicateCounts[predicate] }

  // MARK: - Places

  func truths(_ operation: Int) -> UnsafeMutablePointer<Truth> { truthMemory + slots[operation] * rowCapacity }

  func values(of operand: ValueOperand) -> OperandValues {
    switch operand {
    case .column(let column): OperandValues(start: columnStarts[column], step: 1)
    case .literal(let literal): OperandValues(start: literals.start + literal, step: 0)
    case .value(let operation): OperandValues(start: valueMemory + slots[operation] * rowCapacity, step: 1)
    }
  }

  // MARK: - Constants

  /// What an expression without fields is.
  enum Constant {
    case literal(Scalar)
    /// Null, for a reason.
    case none(NullReasons)
  }

  static func constant(_ expression: Expression) -> Constant {
    let program = ExpressionProgram([], values: [expression]) { preconditionFailure("a constant has no field '\($0)'") }
    program.evaluate(columns: [], rowCount: 1)
    let value = program.values(0)[0]
    switch value.kind {
    case .missing, .null: return value.bits == 0 ? .literal(.null) : .none(value.nullReasons)
    case .bool: return .literal(.bool(value.bool))
    case .integer: return .literal(.integer(value.integer))
    case .double: return .literal(.double(value.double))
    case .string, .composite: return .literal(.string(String(decoding: value.bytes, as: UTF8.self)))
    }
  }
}

extension NullCounts {
  mutating func add(_ reasons: NullReasons) {
    if reasons.contains(.mismatch) { mismatches += 1 }
    if reasons.contains(.outOfRange) { outOfRange += 1 }
    if reasons.contains(.divisionByZero) { divisionsByZero += 1 }
  }

  public static func + (left: NullCounts, right: NullCounts) -> NullCounts {
    NullCounts(
      mismatches: left.mismatches + right.mismatches, outOfRange: left.outOfRange + right.outOfRange,
      divisionsByZero: left.divisionsByZero + right.divisionsByZero)
  }
}

extension ColumnValue {
  /// A null that an operation made.
  @inline(__always)
  static func null(_ reasons: NullReasons) -> ColumnValue { ColumnValue(kind: .null, bits: UInt64(reasons.rawValue)) }

  /// Why a null is one; of others without meaning.
  @inline(__always)
  public var nullReasons: NullReasons { NullReasons(rawValue: UInt8(truncatingIfNeeded: bits)) }
}

/// A column, or one value for all rows.
struct OperandValues {
  let start: UnsafePointer<ColumnValue>
  let step: Int

  @inline(__always)
  subscript(row: Int) -> ColumnValue { start[row &* step] }
}

/// Where an operation takes a value from.
enum ValueOperand: Hashable {
  case column(Int)
  /// Index into the program's literals.
  case literal(Int)
  /// An earlier operation.
  case value(Int)
}

/// One pass over the rows. Numbers name earlier operations, literals or patterns.
enum ExpressionOperation: Hashable {
  // Conditions.
  case constant(ExpressionProgram.Truth)
  case truth(ValueOperand)
  case not(Int)
  case and(Int, Int)
  case or(Int, Int)
  case isNull(ValueOperand)
  case equalsString(ValueOperand, literal: Int)
  case compare(Expression.Comparison, ValueOperand, ValueOperand)
  case isIn(ValueOperand, firstLiteral: Int, count: Int)
  case like(ValueOperand, pattern: Int)
  // Values.
  case value(ofTruth: Int)
  case copy(ValueOperand)
  case arithmetic(Expression.Arithmetic, ValueOperand, ValueOperand)
  case negate(ValueOperand)
  /// One more value than conditions: the last is for rows where none is true.
  case choose(conditions: [Int], values: [ValueOperand])
  case dateTruncate(Expression.TimeUnit, ValueOperand)
  case call(ExpressionFunction, [ValueOperand])
  case onDivisionByZero(ValueOperand, literal: Int)

  var isCondition: Bool {
    switch self {
    case .constant, .truth, .not, .and, .or, .isNull, .equalsString, .compare, .isIn, .like: true
    case .value, .copy, .arithmetic, .negate, .choose, .dateTruncate, .call, .onDivisionByZero: false
    }
  }
}
