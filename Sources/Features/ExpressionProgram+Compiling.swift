// From trees to operations. An operation is known by what it does to which operands, so that equal sub-expressions of all predicates and
// values become one. Everything is said in few operations: `a > b` is `b < a`, `a != b` is `not a == b`.

import Records
import Schema

extension ExpressionProgram {
  // MARK: - Conditions

  /// The operation that gives the truth of an expression.
  func compileTruth(_ expression: Expression) -> Int {
    switch expression {
    case .field(let path):
      guard let definition = computed[path] else { return add(.truth(.column(columnOf(path)))) }
      if let known = computedTruths[path] { return known }
      let operation = compileTruth(definition)
      computedTruths[path] = operation
      return operation
    case .literal(.bool(let value)): return add(.constant(value ? Self.isTrue : Self.isFalse))
    case .literal(.null): return add(.constant(0))
    case .literal: return add(.constant(Self.isMismatch))
    case .not(let operand): return add(.not(compileTruth(operand)))
    case .and(let left, let right): return add(.and(compileTruth(left), compileTruth(right)))
    case .or(let left, let right): return add(.or(compileTruth(left), compileTruth(right)))
    case .isNull(let operand, let negated): return negate(add(.isNull(compileValue(operand))), negated)
    case .isIn(let operand, let literals, let negated):
      return negate(add(.isIn(compileValue(operand), firstLiteral: list(literals), count: literals.count)), negated)
    case .like(let operand, let pattern, let negated):
      if !patterns.contains(pattern) { patterns.append(pattern) }
      return negate(add(.like(compileValue(operand), pattern: patterns.firstIndex(of: pattern)!)), negated)
    case .compare(let comparison, let left, let right): return compileComparison(comparison, left, right)
    case .arithmetic, .negate, .choose, .dateTruncate, .call, .onDivisionByZero: return add(.truth(compileValue(expression)))
    }
  }

  private func compileComparison(_ comparison: Expression.Comparison, _ left: Expression, _ right: Expression) -> Int {
    switch comparison {
    case .notEqual: return negate(compileComparison(.equal, left, right), true)
    case .greater: return compileComparison(.less, right, left)
    case .greaterOrEqual: return compileComparison(.lessOrEqual, right, left)
    case .equal, .less, .lessOrEqual: break
    }
    if comparison == .equal {
      if case .literal = left, case .literal = right {
      } else if case .literal = left {
        return compileComparison(.equal, right, left)
      }
      if case .literal(.string(let text)) = right {
        let operand = compileValue(left)
        if case .literal = operand {} else { return add(.equalsString(operand, literal: literal(.string(text)))) }
      }
    }
    return add(.compare(comparison, compileValue(left), compileValue(right)))
  }

  private func negate(_ operation: Int, _ negated: Bool) -> Int { negated ? add(.not(operation)) : operation }

  // MARK: - Values

  /// Where the value of an expression is found.
  func compileValue(_ expression: Expression) -> ValueOperand {
    switch expression {
    case .field(let path):
      guard let definition = computed[path] else { return .column(columnOf(path)) }
      if let known = computedValues[path] { return known }
      let operand = compileValue(definition)
      computedValues[path] = operand
      return operand
    case .literal(let scalar): return .literal(literal(scalar))
    case .compare, .isNull, .isIn, .like, .not, .and, .or: return .value(add(.value(ofTruth: compileTruth(expression))))
    case .arithmetic(let arithmetic, let left, let right):
      return .value(add(.arithmetic(arithmetic, compileValue(left), compileValue(right))))
    case .negate(let operand): return .value(add(.negate(compileValue(operand))))
    case .choose(let branches, let otherwise):
      let conditions = branches.map { compileTruth($0.condition) }
      return .value(
        add(.choose(conditions: conditions, values: branches.map { compileValue($0.value) } + [compileValue(otherwise)])))
    case .dateTruncate(let unit, let operand): return .value(add(.dateTruncate(unit, compileValue(operand))))
    case .call(let function, let arguments): return .value(add(.call(function, arguments.map(compileValue))))
    case .onDivisionByZero(let operand, let scalar):
      return .value(add(.onDivisionByZero(compileValue(operand), literal: literal(scalar))))
    }
  }

  /// The same as a whole column.
  func compileColumn(_ expression: Expression) -> ValueOperand {
    let operand = compileValue(expression)
    if case .literal = operand { return .value(add(.copy(operand))) }
    return operand
  }

  // MARK: - Parts

  private func add(_ operation: ExpressionOperation) -> Int {
    if let known = operationOf[operation] { return known }
    operations.append(operation)
    if operation.isCondition {
      slots.append(truthCount)
      truthCount += 1
    } else {
      slots.append(valueCount)
      valueCount += 1
    }
    operationOf[operation] = operations.count - 1
    return operations.count - 1
  }

  private func literal(_ scalar: Scalar) -> Int {
    if let known = literalIndices[scalar] { return known }
    literalScalars.append(scalar)
    literalIndices[scalar] = literalScalars.count - 1
    return literalScalars.count - 1
  }

  /// The first of literals that stand one after the other.
  private func list(_ scalars: [Scalar]) -> Int {
    // A list that several expressions share is found by its place.
    for start in literalScalars.indices where literalScalars[start...].starts(with: scalars) { return start }
    literalScalars += scalars
    return literalScalars.count - scalars.count
  }
}
