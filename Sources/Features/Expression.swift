// The expressions of `where`: a tree over fields and literals, with SQL's three-valued logic.

import Base
import Records
import Schema

/// An expression; `offset` values are byte offsets into its text, for messages.
public indirect enum Expression: Sendable, Hashable {
  case field(FieldPath)
  case literal(Scalar)
  case compare(Comparison, Expression, Expression)
  case isNull(Expression, negated: Bool)
  case isIn(Expression, [Scalar], negated: Bool)
  case not(Expression)
  case and(Expression, Expression)
  case or(Expression, Expression)

  public enum Comparison: String, Sendable, Hashable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
  }
}

extension Expression {
  /// The fields that the expression reads, each once, in the order of the text.
  public var fieldPaths: [FieldPath] {
    var paths: [FieldPath] = []
    func visit(_ expression: Expression) {
      switch expression {
      case .field(let path): if !paths.contains(path) { paths.append(path) }
      case .literal: break
      case .isNull(let operand, _), .isIn(let operand, _, _), .not(let operand): visit(operand)
      case .compare(_, let left, let right), .and(let left, let right), .or(let left, let right):
        visit(left)
        visit(right)
      }
    }
    visit(self)
    return paths
  }
}
