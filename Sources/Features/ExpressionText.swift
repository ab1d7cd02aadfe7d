// Expressions as text: the tree as it was read, in the language's own words, with parentheses wherever one stands inside another. Equal trees have
// equal texts and different ones different texts, so that a text can stand for its tree.

import Base
import Schema

extension Expression {
  public var text: String {
    switch self {
    case .field(let path): path.description
    case .literal(let scalar): Self.text(scalar)
    case .compare(let comparison, let left, let right): "\(left.inner) \(comparison.rawValue) \(right.inner)"
    case .isNull(let operand, let negated): "\(operand.inner) is \(negated ? "not " : "")null"
    case .isIn(let operand, let scalars, let negated):
      "\(operand.inner) \(negated ? "not " : "")in (\(scalars.map(Self.text).joined(separator: ", ")))"
    case .like(let operand, let pattern, let negated):
      "\(operand.inner) \(negated ? "not " : "")like \(Self.text(.string(pattern.text)))"
        + (pattern.escape.map { " escape \(Self.text(.string(String($0))))" } ?? "")
    case .not(let operand): "not \(operand.inner)"
    case .and(let left, let right): "\(left.inner) and \(right.inner)"
    case .or(let left, let right): "\(left.inner) or \(right.inner)"
    case .arithmetic(let operation, let left, let right): "\(left.inner) \(operation.rawValue) \(right.inner)"
    case .negate(let operand): "-\(operand.inner)"
    case .choose(let branches, let otherwise):
      "if(\((branches.flatMap { [$0.condition.text, $0.value.text] } + [otherwise.text]).joined(separator: ", ")))"
    case .dateTruncate(let unit, let operand): "date_trunc('\(unit.rawValue)', \(operand.text))"
    case .call(let function, let arguments): "\(function.rawValue)(\(arguments.map(\.text).joined(separator: ", ")))"
    case .onDivisionByZero(let operand, let scalar): "\(operand.inner) on_divide_by_zero \(Self.text(scalar))"
    }
  }

  /// As a part of another.
  private var inner: String {
    switch self {
    case .field, .literal, .call, .choose, .dateTruncate: text
    default: "(\(text))"
    }
  }

  private static func text(_ scalar: Scalar) -> String {
    switch scalar {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let value): "'\(value.replacing("'", with: "''"))'"
    }
  }
}
