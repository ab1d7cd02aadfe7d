// Evaluates the `where`s of a pipeline over columns: each distinct sub-expression once per batch, one flat pass over the rows per
// operation. A row's truth value is one byte of three flags, so that the logic of SQL (three values, and unknown by reason of types told
// apart) is a few bit operations without a branch:
//
//      1 true      2 false      0 unknown (null)      4 unknown, because the types of two values do not compare

import Base
import Records
import Schema

/// Predicates compiled against column indices. Belongs to one thread.
public final class PredicateProgram {
  /// One byte per row.
  typealias Truth = UInt8
  static let isTrue: Truth = 1
  static let isFalse: Truth = 2
  static let isMismatch: Truth = 4

  private var operations: [PredicateOperation] = []
  /// Operations by the expression that they compute, so that none is computed twice.
  private var operationOf: [Expression: Int] = [:]
  /// For each predicate, the operation that gives its truth.
  private var roots: [Int] = []
  private var mismatchCounts: [Int]
  /// Truths of all operations, then results of all predicates: `rowCapacity` bytes each.
  private var memory: UnsafeMutablePointer<Truth>
  /// Two columns for conditions that are compared like values.
  private var scratch: UnsafeMutablePointer<ColumnValue>
  private var rowCapacity = 0

  /// Compiles `predicates`; `columnOf` gives the column that holds a field.
  public init(_ predicates: [Expression], columnOf: (FieldPath) -> Int) {
    mismatchCounts = Array(repeating: 0, count: predicates.count)
    memory = .allocate(capacity: 1)
    scratch = .allocate(capacity: 1)
    for predicate in predicates { roots.append(compile(predicate, columnOf)) }
  }

  deinit {
    memory.deallocate()
    scratch.deallocate()
  }

  /// How many operations a batch costs, shared ones counted once.
  var operationCount: Int { operations.count }

  /// Evaluates every predicate over the first `rowCount` rows. Rows without values (`missing` throughout) take part like any other.
  public func evaluate(_ columns: Columns, rowCount: Int) {
    precondition(rowCount <= columns.rowCount, "the columns have fewer rows")
    if rowCount > rowCapacity {
      rowCapacity = max(rowCount, rowCapacity * 2)
      memory.deallocate()
      memory = .allocate(capacity: rowCapacity * (operations.count + roots.count))
      scratch.deallocate()
      scratch = .allocate(capacity: 2 * rowCapacity)
    }
    for index in operations.indices { run(operations[index], columns, rowCount, into: truths(index)) }
    for (predicate, root) in roots.enumerated() {
      let source = truths(root)
      let results = truths(operations.count + predicate)
      var mismatchCount = 0
      for row in 0..<rowCount {
        results[row] = source[row] & Self.isTrue
        mismatchCount &+= Int(truncatingIfNeeded: source[row] &>> 2)
      }
      mismatchCounts[predicate] += mismatchCount
    }
  }

  /// For each row of the last batch 1 where predicate `predicate` is true and 0 where it is false or unknown.
  public func results(_ predicate: Int) -> UnsafePointer<UInt8> {
    precondition(predicate < roots.count, "no such predicate")
    return UnsafePointer(truths(operations.count + predicate))
  }

  /// In how many rows, of all batches, predicate `predicate` was unknown because it compared values of different types.
  public func typeMismatchCount(_ predicate: Int) -> Int { mismatchCounts[predicate] }

  private func truths(_ index: Int) -> UnsafeMutablePointer<Truth> { memory + index * rowCapacity }

  // MARK: - Compiling

  private func compile(_ expression: Expression, _ columnOf: (FieldPath) -> Int) -> Int {
    if let known = operationOf[expression] { return known }
    let operation: PredicateOperation
    switch expression {
    case .field(let path): operation = .bool(column: columnOf(path))
    case .literal(.bool(let value)): operation = .constant(value ? Self.isTrue : Self.isFalse)
    case .literal(.null): operation = .constant(0)
    case .literal: operation = .constant(Self.isMismatch)
    case .not(let operand): operation = .not(compile(operand, columnOf))
    case .and(let left, let right): operation = .and(compile(left, columnOf), compile(right, columnOf))
    case .or(let left, let right): operation = .or(compile(left, columnOf), compile(right, columnOf))
    case .isNull(let operand, negated: true): operation = .not(compile(.isNull(operand, negated: false), columnOf))
    case .isNull(let operand, negated: false): operation = .isNull(self.operand(operand, columnOf))
    case .isIn(let operand, let values, negated: true): operation = .not(compile(.isIn(operand, values, negated: false), columnOf))
    case .isIn(let operand, let values, negated: false): operation = .isIn(self.operand(operand, columnOf), LiteralList(values))
    case .compare(.notEqual, let left, let right): operation = .not(compile(.compare(.equal, left, right), columnOf))
    case .compare(.greater, let left, let right): return compile(.compare(.less, right, left), columnOf)
    case .compare(.greaterOrEqual, let left, let right): return compile(.compare(.lessOrEqual, right, left), columnOf)
    case .compare(.equal, .literal(let literal), .field(let path)):
      return compile(.compare(.equal, .field(path), .literal(literal)), columnOf)
    case .compare(.equal, .field(let path), .literal(.string(let text))):
      operation = .equalsString(column: columnOf(path), LiteralList([.string(text)]))
    case .compare(let comparison, let left, let right):
      operation = .compare(comparison, self.operand(left, columnOf), self.operand(right, columnOf))
    }
    operations.append(operation)
    operationOf[expression] = operations.count - 1
    return operations.count - 1
  }

  private func operand(_ expression: Expression, _ columnOf: (FieldPath) -> Int) -> PredicateOperand {
    switch expression {
    case .field(let path): .column(columnOf(path))
    case .literal(let literal): .literal(LiteralList([literal]))
    default: .truth(compile(expression, columnOf))
    }
  }

  // MARK: - Running

  private func run(_ operation: PredicateOperation, _ columns: Columns, _ rowCount: Int, into out: UnsafeMutablePointer<Truth>) {
    switch operation {
    case .constant(let truth): out.update(repeating: truth, count: rowCount)
    case .bool(let column):
      let values = columns.column(column)
      for row in 0..<rowCount {
        let value = values[row]
        out[row] = value.kind == .bool ? (value.bits != 0 ? Self.isTrue : Self.isFalse) : value.isNull ? 0 : Self.isMismatch
      }
    case .not(let operand):
      let source = truths(operand)
      for row in 0..<rowCount {
        let truth = source[row]
        out[row] = truth &<< 1 & Self.isFalse | truth &>> 1 & Self.isTrue | truth & Self.isMismatch
      }
    case .and(let left, let right):
      let (left, right) = (truths(left), truths(right))
      for row in 0..<rowCount {
        let (both, either) = (left[row] & right[row], left[row] | right[row])
        let false_ = either & Self.isFalse
        out[row] = both & Self.isTrue | false_ | either & Self.isMismatch & ~(false_ &<< 1)
      }
    case .or(let left, let right):
      let (left, right) = (truths(left), truths(right))
      for row in 0..<rowCount {
        let (both, either) = (left[row] & right[row], left[row] | right[row])
        let true_ = either & Self.isTrue
        out[row] = true_ | both & Self.isFalse | either & Self.isMismatch & ~(true_ &<< 2)
      }
    case .equalsString(let column, let literal):
      ValueComparison.equalsString(columns.column(column), rowCount, literal[0], into: out)
    case .isNull(let operand):
      let values = values(of: operand, columns, rowCount, scratch: 0)
      for row in 0..<rowCount { out[row] = values[row].isNull ? Self.isTrue : Self.isFalse }
    case .compare(let comparison, let left, let right):
      let (left, right) = (values(of: left, columns, rowCount, scratch: 0), values(of: right, columns, rowCount, scratch: 1))
      for row in 0..<rowCount { out[row] = ValueComparison.truth(of: comparison, left[row], right[row]) }
    case .isIn(let operand, let list):
      let values = values(of: operand, columns, rowCount, scratch: 0)
      for row in 0..<rowCount { out[row] = ValueComparison.truth(of: values[row], in: list) }
    }
  }

  /// The values of an operand, row by row. The truths of a condition become booleans and nulls in one of two scratch columns.
  private func values(of operand: PredicateOperand, _ columns: Columns, _ rowCount: Int, scratch: Int) -> OperandValues {
    switch operand {
    case .column(let column): return OperandValues(start: columns.column(column), step: 1)
    case .literal(let literal): return OperandValues(start: literal.start, step: 0)
    case .truth(let operation):
      let source = truths(operation)
      let values = self.scratch + scratch * rowCapacity
      for row in 0..<rowCount { values[row] = source[row] & 3 == 0 ? .null : ColumnValue(bool: source[row] == Self.isTrue) }
      return OperandValues(start: values, step: 1)
    }
  }
}

/// A column, or one value for all rows.
private struct OperandValues {
  let start: UnsafePointer<ColumnValue>
  let step: Int

  subscript(row: Int) -> ColumnValue { start[row &* step] }
}

/// One pass over the rows. Numbers name earlier operations unless they are columns.
enum PredicateOperation {
  case constant(PredicateProgram.Truth)
  case bool(column: Int)
  case not(Int)
  case and(Int, Int)
  case or(Int, Int)
  case isNull(PredicateOperand)
  case equalsString(column: Int, LiteralList)
  case compare(Expression.Comparison, PredicateOperand, PredicateOperand)
  case isIn(PredicateOperand, LiteralList)
}

enum PredicateOperand {
  case column(Int)
  case literal(LiteralList)
  /// The truth of a condition, as a boolean or null.
  case truth(Int)
}
