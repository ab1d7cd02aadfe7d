// Reads the text of an expression, by recursive descent over one token of look-ahead, and checks types on the way:
//
//      condition   := conjunction ("or" conjunction)*          conjunction := negation ("and" negation)*
//      negation    := "not" negation | relation
//      relation    := joined [("==" | "!=" | "<" | "<=" | ">" | ">=") joined | ["not"] "in" list | ["not"] "like" string ["escape" string]
//                   | ["not"] "between" joined "and" joined | "is" ["not"] "null"]
//      joined      := sum ("||" sum)*         sum := product (("+" | "-") product)*       product := signed (("*" | "/" | "%") signed)*
//      signed      := "-" signed | primary
//      primary     := literal | path | function "(" ... ")" | "case" ... "end" | "(" condition ")"
//
// What has no fields in it is computed here. Relations are in `ExpressionParser+Relations.swift`, calls and `case` in `+Calls`, types in `+Types`.

import Configuration
import Records
import Schema

/// What the text of an expression states.
public struct ParsedExpression: Sendable {
  public var expression: Expression
  public var type: ExpressionType
  /// The fields as they stand in the text, each time they do.
  public var references: [(path: FieldPath, byteOffset: Int)]
}

public enum ExpressionParser {
  /// Bounds on what is read, so that no text can exhaust the stack or the time of whoever walks the tree.
  public static let textByteCountMax = 65_536
  public static let nestingDepthMax = 64
  public static let conditionCountMax = 512
  public static let operandCountMax = 1024

  /// The condition that `text` states: what a `where` takes. Keywords are not case-sensitive, field names are.
  ///
  /// `typeOf` says what is known of a field's values.
  public static func parse(
    _ text: String, typeOf: @escaping (FieldPath) -> ExpressionType = { _ in .any }
  ) throws(ExpressionError) -> Expression {
    try parseCondition(text, typeOf: typeOf).expression
  }

  public static func parseCondition(
    _ text: String, typeOf: @escaping (FieldPath) -> ExpressionType = { _ in .any }
  ) throws(ExpressionError) -> ParsedExpression {
    try parsed(text, typeOf) { parser, result throws(ExpressionError) in try parser.asCondition(result) }
  }

  /// The value that `text` states, a condition or not.
  public static func parseValue(
    _ text: String, typeOf: @escaping (FieldPath) -> ExpressionType = { _ in .any }
  ) throws(ExpressionError) -> ParsedExpression {
    try parsed(text, typeOf) { _, result throws(ExpressionError) in result.expression }
  }

  private static func parsed(
    _ text: String, _ typeOf: @escaping (FieldPath) -> ExpressionType,
    _ finish: (Parser, Parser.Operand) throws(ExpressionError) -> Expression
  ) throws(ExpressionError) -> ParsedExpression {
    guard text.utf8.count <= textByteCountMax else {
      throw ExpressionError(
        byteOffset: textByteCountMax, message: "the expression is longer than \(textByteCountMax) bytes")
    }
    var parser = try Parser(text, typeOf: typeOf)
    let result = try parser.whole()
    return ParsedExpression(expression: try finish(parser, result), type: result.type, references: parser.references)
  }

  struct Parser {
    /// An expression, where it begins, and what is known of its type.
    struct Operand {
      var expression: Expression
      var byteOffset: Int
      var type: ExpressionType
      /// The symbol `||` at the top, which people coming from C take for `or`.
      var isJoined = false

      var isLiteral: Bool {
        if case .literal = expression { true } else { false }
      }
    }

    static let keywords: Set<String> = ["and", "or", "not", "in", "is", "null", "true", "false", "case"]

    let typeOf: (FieldPath) -> ExpressionType
    private var lexer: ExpressionLexer
    var token: ExpressionToken
    private var depth = 0
    var conditionCount = 0
    private var operandCount = 0
    var references: [(path: FieldPath, byteOffset: Int)] = []

    init(_ text: String, typeOf: @escaping (FieldPath) -> ExpressionType) throws(ExpressionError) {
      self.typeOf = typeOf
      lexer = ExpressionLexer(text)
      token = try lexer.next()
    }

    mutating func whole() throws(ExpressionError) -> Operand {
      if token.kind == .end { throw error("the expression is empty") }
      let result = try condition()
      guard token.kind == .end else {
        if isSymbol(")") || isSymbol("]") { throw error("unexpected '\(token.text)': nothing is open here") }
        throw error("expected an operator or the end of the expression, found \(found)")
      }
      return result
    }

    // MARK: - Logic

    mutating func condition() throws(ExpressionError) -> Operand {
      var left = try conjunction()
      while isKeyword("or") {
        try advance()
        let right = try conjunction()
        left = folded(try .or(asCondition(left), asCondition(right)), .bool, at: left.byteOffset, [left, right])
      }
      return left
    }

    private mutating func conjunction() throws(ExpressionError) -> Operand {
      var left = try negation()
      while isKeyword("and") {
        try advance()
        let right = try negation()
        left = folded(try .and(asCondition(left), asCondition(right)), .bool, at: left.byteOffset, [left, right])
      }
      return left
    }

    private mutating func negation() throws(ExpressionError) -> Operand {
      guard isKeyword("not") else { return try relation() }
      let start = token.byteOffset
      try enter()
      try advance()
      let operand = try negation()
      leave()
      return folded(.not(try asCondition(operand)), .bool, at: start, [operand])
    }

    // MARK: - Sums and products

    mutating func joined() throws(ExpressionError) -> Operand {
      var left = try sum()
      while isSymbol("||") {
        try advance()
        let right = try sum()
        for side in [left, right] { try check(side, is: ExpressionFunction.concat.argumentType(0), for: "'||'") }
        var parts: [Expression]
        if case .call(.concat, let joined) = left.expression, left.isJoined { parts = joined } else { parts = [left.expression] }
        parts.append(right.expression)
        left = folded(.call(.concat, parts), .string, at: left.byteOffset, [left, right])
        left.isJoined = true
      }
      return left
    }

    private mutating func sum() throws(ExpressionError) -> Operand {
      var left = try product()
      while case .symbol(let symbol) = token.kind, symbol == "+" || symbol == "-" {
        left = try arithmetic(left) { parser throws(ExpressionError) in try parser.product() }
      }
      return left
    }

    private mutating func product() throws(ExpressionError) -> Operand {
      var left = try signed()
      while case .symbol(let symbol) = token.kind, ["*", "/", "%"].contains(symbol) {
        left = try arithmetic(left) { parser throws(ExpressionError) in try parser.signed() }
      }
      return left
    }

    private mutating func arithmetic(
      _ left: Operand, _ readRight: (inout Parser) throws(ExpressionError) -> Operand
    ) throws(ExpressionError) -> Operand {
      let operation = token
      let arithmetic = Expression.Arithmetic(rawValue: operation.text)!
      try advance()
      let right = try readRight(&self)
      for side in [left, right] {
        try check(side, is: .number, for: "'\(operation.text)'", hint: arithmetic == .add ? "; '||' joins texts" : "")
      }
      let zeros: [Expression] = [.literal(.integer(0)), .literal(.double(0))]
      if arithmetic == .divide || arithmetic == .remainder, zeros.contains(right.expression) {
        throw ExpressionError(byteOffset: operation.byteOffset, message: "dividing by zero is always null")
      }
      var type = left.type.union(right.type).intersection(.number)
      if arithmetic == .divide || left.type == .double || right.type == .double { type = .double }
      return try computed(
        .arithmetic(arithmetic, left.expression, right.expression), type, at: left.byteOffset, operation.byteOffset, [left, right])
    }

    private mutating func signed() throws(ExpressionError) -> Operand {
      guard isSymbol("-") else { return try primary() }
      let start = token.byteOffset
      try enter()
      try advance()
      // The one integer whose magnitude is none.
      if case .double = token.kind, token.text == "9223372036854775808" {
        try advance()
        leave()
        return Operand(expression: .literal(.integer(.min)), byteOffset: start, type: .integer)
      }
      let operand = try signed()
      leave()
      try check(operand, is: .number, for: "'-'")
      return try computed(.negate(operand.expression), operand.type.intersection(.number), at: start, start, [operand])
    }

    // MARK: - Operands

    private mutating func primary() throws(ExpressionError) -> Operand {
      let start = token
      operandCount += 1
      if operandCount > ExpressionParser.operandCountMax {
        throw error("more than \(ExpressionParser.operandCountMax) fields and literals in one expression")
      }
      if let literal = literal() {
        try advance()
        return Operand(expression: .literal(literal), byteOffset: start.byteOffset, type: ExpressionType(of: literal))
      }
      if isSymbol("(") {
        try enter()
        try advance()
        var inner = try condition()
        guard isSymbol(")") else {
          throw error("expected ')' for the '(' at byte \(start.byteOffset), found \(found)")
        }
        try advance()
        leave()
        inner.byteOffset = start.byteOffset
        inner.isJoined = false
        return inner
      }
      if isKeyword("case") { return try choice() }
      let path = try path()
      if isSymbol("("), path.components.count == 1, case .word(let name) = start.kind {
        return try call(name, at: start.byteOffset)
      }
      references.append((path, start.byteOffset))
      return Operand(expression: .field(path), byteOffset: start.byteOffset, type: typeOf(path))
    }

    private mutating func path() throws(ExpressionError) -> FieldPath {
      var components: [String] = []
      while true {
        switch token.kind {
        case .word(let word) where !components.isEmpty || !Self.keywords.contains(word.lowercased()): components.append(word)
        case .quotedName(let name):
          if name.isEmpty { throw error("a field's name is empty") }
          components.append(name)
        default:
          throw error(
            components.isEmpty ? "expected a field or a literal, found \(found)" : "expected a name after '.', found \(found)")
        }
        try advance()
        guard isSymbol(".") else { break }
        try advance()
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

    mutating func advance() throws(ExpressionError) { token = try lexer.next() }

    mutating func enter() throws(ExpressionError) {
      depth += 1
      if depth > ExpressionParser.nestingDepthMax { throw error("nested more than \(ExpressionParser.nestingDepthMax) deep") }
    }

    mutating func leave() { depth -= 1 }

    func isKeyword(_ keyword: String) -> Bool {
      if case .word(let word) = token.kind { return word.lowercased() == keyword }
      return false
    }

    func isSymbol(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }

    var found: String { token.kind == .end ? "the end of the expression" : "'\(token.text)'" }

    func error(_ message: String) -> ExpressionError { ExpressionError(byteOffset: token.byteOffset, message: message) }
  }
}
