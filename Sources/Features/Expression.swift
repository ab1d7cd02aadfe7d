// Expressions: trees over fields, literals and functions, with SQL's null logic. The parser makes only trees that are well typed as far as
// types are known; what is left (`between`, `nullif`, `if`, lists of fields) it says in terms of these few nodes.

import Base
import Records
import Schema

public indirect enum Expression: Sendable, Hashable {
  case field(FieldPath)
  case literal(Scalar)
  case compare(Comparison, Expression, Expression)
  case isNull(Expression, negated: Bool)
  case isIn(Expression, [Scalar], negated: Bool)
  case like(Expression, LikePattern, negated: Bool)
  case not(Expression)
  case and(Expression, Expression)
  case or(Expression, Expression)
  case arithmetic(Arithmetic, Expression, Expression)
  case negate(Expression)
  /// The value of the first branch whose condition is true, otherwise the last value.
  case choose([Branch], otherwise: Expression)
  case dateTruncate(TimeUnit, Expression)
  case call(ExpressionFunction, [Expression])
  /// The value, but the scalar where it is null because something was divided by zero: what `on_divide_by_zero` says.
  case onDivisionByZero(Expression, Scalar)

  public struct Branch: Sendable, Hashable {
    public var condition: Expression
    public var value: Expression

    public init(_ condition: Expression, _ value: Expression) {
      self.condition = condition
      self.value = value
    }
  }

  public enum Comparison: String, Sendable, Hashable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
  }

  /// Integers stay integers but for `/`, which is always a double.
  public enum Arithmetic: String, Sendable, Hashable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    /// The remainder, with the sign of the left side.
    case remainder = "%"
  }

  public enum TimeUnit: String, Sendable, Hashable, CaseIterable {
    case second, minute, hour, day
    /// From Monday.
    case week
    case month, quarter, year
  }
}

extension Expression {
  /// The fields that the expression reads, each once, in the order of the text.
  public var fieldPaths: [FieldPath] {
    var paths: [FieldPath] = []
    var seen: Set<FieldPath> = []
    func visit(_ expression: Expression) {
      switch expression {
      case .field(let path): if seen.insert(path).inserted { paths.append(path) }
      case .literal: break
      case .isNull(let operand, _), .isIn(let operand, _, _), .like(let operand, _, _), .not(let operand), .negate(let operand),
        .dateTruncate(_, let operand), .onDivisionByZero(let operand, _):
        visit(operand)
      case .compare(_, let left, let right), .and(let left, let right), .or(let left, let right),
        .arithmetic(_, let left, let right):
        visit(left)
        visit(right)
      case .choose(let branches, let otherwise):
        for branch in branches {
          visit(branch.condition)
          visit(branch.value)
        }
        visit(otherwise)
      case .call(_, let arguments): for argument in arguments { visit(argument) }
      }
    }
    visit(self)
    return paths
  }
}
