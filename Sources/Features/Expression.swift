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
