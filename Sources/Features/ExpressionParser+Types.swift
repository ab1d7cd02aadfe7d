// What the parser refuses because of types, as far as literals, operators and the schema tell them; and what it computes itself, because no
// field is in it.

import Records
import Schema

extension ExpressionParser.Parser {
  // MARK: - Conditions

  /// Refuses what can never be true or false.
  func asCondition(_ operand: Operand) throws(ExpressionError) -> Expression {
    if operand.type.isEmpty || operand.type.contains(.bool) { return operand.expression }
    let advice: String
    if operand.isJoined {
      advice = "; did you mean 'or' in place of '||'?"
    } else if operand.isLiteral {
      advice = "; compare it with a field"
    } else {
      advice = "; compare it with something"
    }
    throw ExpressionError(byteOffset: operand.byteOffset, message: "\(operand.type.phrase) is not a condition\(advice)")
  }

  // MARK: - Comparisons

  func comparison(
    _ comparison: Expression.Comparison, _ left: Operand, _ right: Operand, at operatorOffset: Int
  ) throws(ExpressionError) -> Operand {
    for side in [left, right] {
      switch (side.expression, comparison) {
      case (.literal(.null), .notEqual):
        throw ExpressionError(byteOffset: operatorOffset, message: "comparing with null is never true; write 'is not null'")
      case (.literal(.null), _):
        throw ExpressionError(byteOffset: operatorOffset, message: "comparing with null is never true; write 'is null'")
      default: break
      }
      guard comparison != .equal, comparison != .notEqual, side.type == .bool else { continue }
      throw ExpressionError(
        byteOffset: operatorOffset, message: "'\(comparison.rawValue)' orders numbers and strings, not true and false")
    }
    try checkComparable(left, right, at: operatorOffset)
    return folded(.compare(comparison, left.expression, right.expression), .bool, at: left.byteOffset, [left, right])
  }

  func checkComparable(_ left: Operand, _ right: Operand, at byteOffset: Int) throws(ExpressionError) {
    guard !left.type.isComparable(with: right.type) else { return }
    for side in [left, right] where side.type == .composite {
      throw ExpressionError(byteOffset: byteOffset, message: "an object or a list is comparable with nothing")
    }
    throw ExpressionError(byteOffset: byteOffset, message: "\(left.type.phrase) is never comparable with \(right.type.phrase)")
  }

  /// Refuses an operand whose type is known to be another.
  func check(_ operand: Operand, is type: ExpressionType, for user: String, hint: String = "") throws(ExpressionError) {
    guard !operand.type.isEmpty, operand.type.isDisjoint(with: type) else { return }
    let subject = if case .field(let path) = operand.expression { "'\(path)'" } else { "this" }
    let wanted = type == .integer ? "an integer" : type.phrase
    let found = type == .integer && operand.type == .double ? "a double" : operand.type.phrase
    throw ExpressionError(byteOffset: operand.byteOffset, message: "\(user) takes \(wanted), and \(subject) is \(found)\(hint)")
  }

  // MARK: - Constants

  /// The operand that `expression` is, computed where none of its parts is a field. What is null for a reason stays uncomputed.
  func folded(_ expression: Expression, _ type: ExpressionType, at byteOffset: Int, _ parts: [Operand]) -> Operand {
    if parts.allSatisfy(\.isLiteral), case .literal(let scalar) = ExpressionProgram.constant(expression) {
      return Operand(expression: .literal(scalar), byteOffset: byteOffset, type: ExpressionType(of: scalar))
    }
    return Operand(expression: expression, byteOffset: byteOffset, type: type)
  }

  /// The same for arithmetic and functions, where a constant without a value is a mistake.
  func computed(
    _ expression: Expression, _ type: ExpressionType, at byteOffset: Int, _ operatorOffset: Int, _ parts: [Operand]
  ) throws(ExpressionError) -> Operand {
    guard parts.allSatisfy(\.isLiteral) else { return Operand(expression: expression, byteOffset: byteOffset, type: type) }
    switch ExpressionProgram.constant(expression) {
    case .literal(let scalar):
      return Operand(expression: .literal(scalar), byteOffset: byteOffset, type: ExpressionType(of: scalar))
    case .none(let reasons):
      let why: String
      if reasons.contains(.divisionByZero) {
        why = "dividing by zero is always null"
      } else if reasons.contains(.outOfRange) {
        why = "this is outside the range of numbers and always null"
      } else {
        why = "this text cannot be converted and is always null"
      }
      throw ExpressionError(byteOffset: operatorOffset, message: why)
    }
  }
}
