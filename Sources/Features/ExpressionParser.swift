// Reads the text of a `where` into an `Expression`, by recursive descent over one token of look-ahead:
//
//      condition := conjunction ("or" conjunction)*          conjunction := negation ("and" negation)*
//      negation  := "not" negation | relation                operand := literal | path | "(" condition ")"
//      relation  := operand [("==" | "!=" | "<" | "<=" | ">" | ">=") operand | ["not"] "in" list | "is" ["not"] "null"]

import Records
import Schema

public enum ExpressionParser {
  /// Bounds on what is read, so that no text can exhaust the stack.
  public static let textByteCountMax = 65_536
  public static let nestingDepthMax = 64
  public static let conditionCountMax = 512

  /// The expression that `text` states. Keywords are not case-sensitive, field names are.
  public static func parse(_ text: String) throws(ExpressionError) -> Expression {
    guard text.utf8.count <= textByteCountMax else {
      throw ExpressionError(
        byteOffset: textByteCountMax, message: "the expression is longer than \(textByteCountMax) bytes")
    }
    var parser = try Parser(text)
    return try parser.whole()
  }
}

private struct Parser {
  /// An expression, and where it begins.
  struct Operand {
    var expression: Expression
    var byteOffset: Int
  }

  private static let notBuilt: Set<String> = [
    "like", "between", "case", "abs", "ceil", "coalesce", "contains", "day_of_week", "ends_with", "exp", "floor", "hour", "if",
    "length", "ln", "lower", "max", "min", "minute", "round", "sqrt", "starts_with", "substring", "trim", "upper", "matches",
  ]
  private static let keywords: Set<String> = ["and", "or", "not", "in", "is", "null", "true", "false"]

  private var lexer: ExpressionLexer
  private var token: ExpressionToken
  private var depth = 0
  private var conditionCount = 0

  init(_ text: String) throws(ExpressionError) {
    lexer = ExpressionLexer(text)
    token = try lexer.next()
  }

  mutating func whole() throws(ExpressionError) -> Expression {
    if token.kind == .end { throw error("the expression is empty") }
    let result = try condition()
    guard token.kind == .end else {
      try refuseUnbuilt()
      if isSymbol(")") || isSymbol("]") { throw error("unexpected '\(token.text)': nothing is open here") }
      throw error("expected 'and', 'or' or the end of the expression, found \(found)")
    }
    return try asCondition(result)
  }

  // MARK: - Logic

  private mutating func condition() throws(ExpressionError) -> Operand {
    var left = try conjunction()
    while isKeyword("or") {
      try advance()
      left.expression = try .or(asCondition(left), asCondition(conjunction()))
    }
    return left
  }

  private mutating func conjunction() throws(ExpressionError) -> Operand {
    var left = try negation()
    while isKeyword("and") {
      try advance()
      left.expression = try .and(asCondition(left), asCondition(negation()))
    }
    return left
  }

  private mutating func negation() throws(ExpressionError) -> Operand {
    guard isKeyword("not") else { return try relation() }
    let start = token.byteOffset
    try enter()
    try advance()
    let operand = try asCondition(negation())
    depth -= 1
    return Operand(expression: .not(operand), byteOffset: start)
  }

  /// Refuses what can never be true or false.
  private func asCondition(_ operand: Operand) throws(ExpressionError) -> Expression {
    guard case .literal(let literal) = operand.expression else { return operand.expression }
    switch literal {
    case .bool, .null: return operand.expression
    case .integer, .double, .string:
      throw ExpressionError(
        byteOffset: operand.byteOffset, message: "\(Self.name(of: literal)) is not a condition; compare it with a field")
    }
  }

  // MARK: - Relations

  private mutating func relation() throws(ExpressionError) -> Operand {
    conditionCount += 1
    if conditionCount > ExpressionParser.conditionCountMax {
      throw error("more than \(ExpressionParser.conditionCountMax) conditions in one expression")
    }
    let left = try operand()
    var result = left
    if case .symbol(let symbol) = token.kind, let comparison = Expression.Comparison(rawValue: symbol) {
      let operatorOffset = token.byteOffset
      try advance()
      let right = try operand()
      try check(comparison, left, right, at: operatorOffset)
      result.expression = .compare(comparison, left.expression, right.expression)
      if case .symbol(let next) = token.kind, Expression.Comparison(rawValue: next) != nil {
        throw error("comparisons do not chain; join them with 'and'")
      }
    } else if isKeyword("in") {
      try advance()
      result.expression = .isIn(left.expression, try list(), negated: false)
    } else if isKeyword("not") {
      try advance()
      try refuseUnbuilt()
      guard isKeyword("in") else { throw error("expected 'in' after 'not', found \(found)") }
      try advance()
      result.expression = .isIn(left.expression, try list(), negated: true)
    } else if isKeyword("is") {
      try advance()
      let negated = isKeyword("not")
      if negated { try advance() }
      guard isKeyword("null") else { throw error("expected 'null' after '\(negated ? "is not" : "is")', found \(found)") }
      try advance()
      result.expression = .isNull(left.expression, negated: negated)
    } else {
      try refuseUnbuilt()
    }
    return result
  }

  private func check(
    _ comparison: Expression.Comparison, _ left: Operand, _ right: Operand, at operatorOffset: Int
  ) throws(ExpressionError) {
    var literals: [Scalar] = []
    for side in [left, right] {
      guard case .literal(let literal) = side.expression else { continue }
      literals.append(literal)
      switch (literal, comparison) {
      case (.null, .equal), (.null, .notEqual):
        throw ExpressionError(
          byteOffset: operatorOffset,
          message: "comparing with null is never true; write '\(comparison == .equal ? "is null" : "is not null")'")
      case (.null, _):
        throw ExpressionError(byteOffset: operatorOffset, message: "comparing with null is never true; write 'is null'")
      case (.bool, .equal), (.bool, .notEqual): break
      case (.bool, _):
        throw ExpressionError(
          byteOffset: operatorOffset, message: "'\(comparison.rawValue)' orders numbers and strings, not true and false")
      default: break
      }
    }
    if literals.count == 2, Self.name(of: literals[0]) != Self.name(of: literals[1]) {
      throw ExpressionError(
        byteOffset: operatorOffset, message: "\(Self.name(of: literals[0])) is never comparable with \(Self.name(of: literals[1]))")
    }
  }

  /// `(a, b, ...)` or `[a, b, ...]`, at least one literal.
  private mutating func list() throws(ExpressionError) -> [Scalar] {
    guard isSymbol("(") || isSymbol("[") else { throw error("expected '(' or '[' after 'in', found \(found)") }
    let closing = isSymbol("(") ? ")" : "]"
    let opening = token
    try advance()
    if isSymbol(closing) { throw error("the list after 'in' is empty") }
    var values: [Scalar] = []
    while true {
      guard let literal = literal() else { throw error("expected a literal in the list after 'in', found \(found)") }
      if literal == .null { throw error("null is in no list; write 'is null'") }
      values.append(literal)
      try advance()
      if isSymbol(closing) { break }
      guard isSymbol(",") else {
        throw error("expected ',' or '\(closing)' for the '\(opening.text)' at byte \(opening.byteOffset), found \(found)")
      }
      try advance()
    }
    try advance()
    return values
  }

  // MARK: - Operands

  private mutating func operand() throws(ExpressionError) -> Operand {
    let start = token
    if let literal = literal() {
      try advance()
      return Operand(expression: .literal(literal), byteOffset: start.byteOffset)
    }
    if isSymbol("(") {
      try enter()
      try advance()
      let inner = try condition()
      guard isSymbol(")") else {
        try refuseUnbuilt()
        throw error("expected ')' for the '(' at byte \(start.byteOffset), found \(found)")
      }
      try advance()
      depth -= 1
      return Operand(expression: inner.expression, byteOffset: start.byteOffset)
    }
    return Operand(expression: .field(try path()), byteOffset: start.byteOffset)
  }

  private mutating func path() throws(ExpressionError) -> FieldPath {
    let start = token
    var components: [String] = []
    while true {
      switch token.kind {
      case .word(let word) where !components.isEmpty || !Self.keywords.contains(word.lowercased()): components.append(word)
      case .quotedName(let name):
        if name.isEmpty { throw error("a field's name is empty") }
        components.append(name)
      default:
        try refuseUnbuilt()
        throw error(
          components.isEmpty ? "expected a field or a literal, found \(found)" : "expected a name after '.', found \(found)")
      }
      try advance()
      guard isSymbol(".") else { break }
      try advance()
    }
    if isSymbol("("), components.count == 1 {
      if case .word(let word) = start.kind, Self.notBuilt.contains(word.lowercased()) {
        throw Self.notBuilt(word, start.byteOffset)
      }
      throw ExpressionError(byteOffset: start.byteOffset, message: "unknown function '\(components[0])'")
    }
    return FieldPath(components)
  }

  /// The literal that the current token is, if it is one.
  private func literal() -> Scalar? {
    switch token.kind {
    case .string(let text): return .string(text)
    case .integer(let value): return .integer(value)
    case .double(let value): return .double(value)
    case .word:
      if isKeyword("true") { return .bool(true) }
      if isKeyword("false") { return .bool(false) }
      return isKeyword("null") ? .null : nil
    default: return nil
    }
  }

  // MARK: - Tokens

  private mutating func advance() throws(ExpressionError) { token = try lexer.next() }

  private mutating func enter() throws(ExpressionError) {
    depth += 1
    if depth > ExpressionParser.nestingDepthMax { throw error("nested more than \(ExpressionParser.nestingDepthMax) deep") }
  }

  private func isKeyword(_ keyword: String) -> Bool {
    if case .word(let word) = token.kind { return word.lowercased() == keyword }
    return false
  }

  private func isSymbol(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }

  private func refuseUnbuilt() throws(ExpressionError) {
    switch token.kind {
    case .symbol(let symbol) where ["+", "-", "*", "/", "%"].contains(symbol): throw Self.notBuilt(symbol, token.byteOffset)
    case .word(let word) where ["like", "between", "case"].contains(word.lowercased()): throw Self.notBuilt(word, token.byteOffset)
    // A negative number straight after an operand is a subtraction: `a -1`.
    case .integer, .double: if token.text.hasPrefix("-") { throw Self.notBuilt("-", token.byteOffset) }
    default: break
    }
  }

  private var found: String { token.kind == .end ? "the end of the expression" : "'\(token.text)'" }

  private func error(_ message: String) -> ExpressionError { ExpressionError(byteOffset: token.byteOffset, message: message) }

  private static func notBuilt(_ name: String, _ byteOffset: Int) -> ExpressionError {
    ExpressionError(
      byteOffset: byteOffset, message: "'\(name)' is part of the expression language but not built in this version")
  }

  private static func name(of literal: Scalar) -> String {
    switch literal {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .double: "a number"
    case .string: "a string"
    }
  }
}
