// Relations of an expression: comparisons, `is null`, `in`, `like` and `between`. `between` and lists of more than literals are said in terms
// of comparisons.

import Records
import Schema

extension ExpressionParser.Parser {
  mutating func relation() throws(ExpressionError) -> Operand {
    conditionCount += 1
    if conditionCount > ExpressionParser.conditionCountMax {
      throw error("more than \(ExpressionParser.conditionCountMax) conditions in one expression")
    }
    let left = try joined()
    if case .symbol(let symbol) = token.kind, let comparison = Expression.Comparison(rawValue: symbol) {
      let operatorOffset = token.byteOffset
      try advance()
      let right = try joined()
      if case .symbol(let next) = token.kind, Expression.Comparison(rawValue: next) != nil {
        throw error("comparisons do not chain; join them with 'and'")
      }
      return try self.comparison(comparison, left, right, at: operatorOffset)
    }
    if isKeyword("is") {
      try advance()
      let negated = isKeyword("not")
      if negated { try advance() }
      guard isKeyword("null") else { throw error("expected 'null' after '\(negated ? "is not" : "is")', found \(found)") }
      try advance()
      return folded(.isNull(left.expression, negated: negated), .bool, at: left.byteOffset, [left])
    }
    let negated = isKeyword("not")
    if negated { try advance() }
    if isKeyword("in") {
      try advance()
      return try membership(of: left, negated: negated)
    }
    if isKeyword("like") { return try like(left, negated: negated) }
    if isKeyword("between") { return try between(left, negated: negated) }
    if negated { throw error("expected 'in', 'like' or 'between' after 'not', found \(found)") }
    return left
  }

  /// `(a, b, ...)` or `[a, b, ...]`, at least one. Literals are looked up; anything else is compared one by one.
  mutating func membership(of left: Operand, negated: Bool) throws(ExpressionError) -> Operand {
    guard isSymbol("(") || isSymbol("[") else { throw error("expected '(' or '[' after 'in', found \(found)") }
    let closing = isSymbol("(") ? ")" : "]"
    let opening = token
    try enter()
    try advance()
    if isSymbol(closing) { throw error("the list after 'in' is empty") }
    var literals: [Scalar] = []
    var others: [Expression] = []
    var items: [Operand] = []
    while true {
      let item = try joined()
      if case .literal(.null) = item.expression {
        throw ExpressionError(byteOffset: item.byteOffset, message: "null is in no list; write 'is null'")
      }
      try checkComparable(left, item, at: item.byteOffset)
      if case .literal(let literal) = item.expression {
        literals.append(literal)
      } else {
        others.append(.compare(.equal, left.expression, item.expression))
      }
      items.append(item)
      if isSymbol(closing) { break }
      guard isSymbol(",") else {
        throw error("expected ',' or '\(closing)' for the '\(opening.text)' at byte \(opening.byteOffset), found \(found)")
      }
      try advance()
    }
    try advance()
    leave()
    guard !others.isEmpty else {
      return folded(.isIn(left.expression, literals, negated: negated), .bool, at: left.byteOffset, [left])
    }
    if !literals.isEmpty { others.insert(.isIn(left.expression, literals, negated: false), at: 0) }
    let any = others.dropFirst().reduce(others[0]) { .or($0, $1) }
    return folded(negated ? .not(any) : any, .bool, at: left.byteOffset, [left] + items)
  }

  mutating func like(_ left: Operand, negated: Bool) throws(ExpressionError) -> Operand {
    try advance()
    try check(left, is: .string, for: "'like'")
    let pattern = token
    guard case .string(let text) = pattern.kind else { throw error("expected a pattern in quotes after 'like', found \(found)") }
    try advance()
    var escape: Unicode.Scalar?
    if isKeyword("escape") {
      try advance()
      guard case .string(let mark) = token.kind, mark.unicodeScalars.count == 1 else {
        throw error("expected one character in quotes after 'escape', found \(found)")
      }
      escape = mark.unicodeScalars.first
      try advance()
    }
    guard let like = LikePattern(text, escape: escape) else {
      throw ExpressionError(
        byteOffset: pattern.byteOffset,
        message: "in the pattern '\(escape.map(String.init) ?? "")' stands before no '%', '_' or itself")
    }
    return folded(.like(left.expression, like, negated: negated), .bool, at: left.byteOffset, [left])
  }

  mutating func between(_ left: Operand, negated: Bool) throws(ExpressionError) -> Operand {
    let operatorOffset = token.byteOffset
    try advance()
    let low = try joined()
    guard isKeyword("and") else { throw error("expected 'and' between the bounds of 'between', found \(found)") }
    try advance()
    let high = try joined()
    let above = try comparison(.greaterOrEqual, left, low, at: operatorOffset)
    let below = try comparison(.lessOrEqual, left, high, at: operatorOffset)
    let both = Expression.and(above.expression, below.expression)
    return folded(negated ? .not(both) : both, .bool, at: left.byteOffset, [left, low, high])
  }
}
