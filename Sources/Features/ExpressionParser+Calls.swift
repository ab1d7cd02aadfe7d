// Calls of functions and `case`. `if`, `nullif` and the simple form of `case` are said in terms of `Expression.choose`.

import Configuration
import Records
import Schema

extension ExpressionParser.Parser {
  /// Forms that are written like functions.
  private static let specialForms = ["if", "nullif", "date_trunc"]
  /// What people may look for here, and what there is.
  private static let otherNames = [
    "avg": "'mean' is an aggregate", "sum": "it is an aggregate", "count": "it is an aggregate",
    "now": "values are a function of the records; compare with a field", "ifnull": "write 'coalesce'", "nvl": "write 'coalesce'",
    "isnull": "write 'is null'", "len": "write 'length'", "log": "write 'ln' or 'log10'",
    "cast": "write int(x), double(x), string(x) or bool(x)",
    "random": "values are a function of the records; sample with hash(x) % 100", "iif": "write 'if'",
  ]
  private static let notBuilt = ["matches", "regexp", "regexp_like"]

  /// The call whose `(` is the current token.
  mutating func call(_ name: String, at start: Int) throws(ExpressionError) -> Operand {
    let lowercased = name.lowercased()
    if Self.notBuilt.contains(lowercased) {
      throw ExpressionError(
        byteOffset: start,
        message:
          "'\(name)' is part of the expression language but not built in this version; 'like', 'contains' and 'split_part' are")
    }
    let function = ExpressionFunction(rawValue: lowercased) ?? ExpressionFunction.aliases[lowercased]
    guard function != nil || Self.specialForms.contains(lowercased) else {
      let names = ExpressionFunction.allCases.map(\.rawValue) + ExpressionFunction.aliases.keys.sorted() + Self.specialForms
      let hint = Self.otherNames[lowercased].map { "; \($0)" } ?? Suggestion.hint(for: name, among: names)
      throw ExpressionError(byteOffset: start, message: "'\(name)' is no function\(hint)")
    }
    let arguments = try self.arguments()
    switch lowercased {
    case "if":
      try checkCount(arguments.count, 3...3, "if(condition, then, otherwise)", at: start)
      return try choose([(arguments[0], arguments[1])], otherwise: arguments[2], at: start)
    case "nullif":
      try checkCount(arguments.count, 2...2, "nullif(a, b)", at: start)
      let isEqual = try comparison(.equal, arguments[0], arguments[1], at: arguments[1].byteOffset)
      let null = Operand(expression: .literal(.null), byteOffset: start, type: .null)
      return try choose([(isEqual, null)], otherwise: arguments[0], at: start)
    case "date_trunc": return try dateTruncate(arguments, at: start)
    default: break
    }
    let called = function!
    try checkCount(arguments.count, called.argumentCounts, called.signature, at: start)
    for (index, argument) in arguments.enumerated() { try check(argument, is: called.argumentType(index), for: "'\(name)'") }
    if called == .least || called == .greatest {
      for argument in arguments.dropFirst() { try checkComparable(arguments[0], argument, at: argument.byteOffset) }
    }
    return try computed(
      .call(called, arguments.map(\.expression)), called.resultType(arguments.map(\.type)), at: start, start, arguments)
  }

  private mutating func arguments() throws(ExpressionError) -> [Operand] {
    let opening = token
    try enter()
    try advance()
    var arguments: [Operand] = []
    while !isSymbol(")") {
      if !arguments.isEmpty {
        guard isSymbol(",") else { throw error("expected ',' or ')' for the '(' at byte \(opening.byteOffset), found \(found)") }
        try advance()
      }
      arguments.append(try condition())
    }
    try advance()
    leave()
    return arguments
  }

  private func checkCount(_ count: Int, _ expected: ClosedRange<Int>, _ signature: String, at start: Int) throws(ExpressionError) {
    guard !expected.contains(count) else { return }
    let values = count == 1 ? "1 value" : "\(count) values"
    throw ExpressionError(byteOffset: start, message: "expected \(signature), found \(values)")
  }

  private func dateTruncate(_ arguments: [Operand], at start: Int) throws(ExpressionError) -> Operand {
    try checkCount(arguments.count, 2...2, "date_trunc(unit, time)", at: start)
    let names = Expression.TimeUnit.allCases.map(\.rawValue)
    guard case .literal(.string(let name)) = arguments[0].expression else {
      throw ExpressionError(
        byteOffset: arguments[0].byteOffset, message: "expected a unit in quotes, one of \(names.joined(separator: ", "))")
    }
    guard let unit = Expression.TimeUnit(rawValue: name.lowercased()) else {
      throw ExpressionError(
        byteOffset: arguments[0].byteOffset,
        message: "expected one of \(names.joined(separator: ", ")), found '\(name)'\(Suggestion.hint(for: name, among: names))")
    }
    try check(arguments[1], is: .time, for: "'date_trunc'")
    return try computed(.dateTruncate(unit, arguments[1].expression), .integer, at: start, start, [arguments[1]])
  }

  // MARK: - Choices

  /// `case when c then v ... [else v] end`, or `case x when a then v ... [else v] end`; the current token is `case`.
  mutating func choice() throws(ExpressionError) -> Operand {
    let start = token.byteOffset
    try enter()
    try advance()
    let subject = isKeyword("when") ? nil : try condition()
    var branches: [(Operand, Operand)] = []
    while isKeyword("when") {
      try advance()
      let whenOffset = token.byteOffset
      var condition = try self.condition()
      if let subject { condition = try comparison(.equal, subject, condition, at: whenOffset) }
      guard isKeyword("then") else { throw error("expected 'then', found \(found)") }
      try advance()
      branches.append((condition, try self.condition()))
    }
    if branches.isEmpty { throw error("expected 'when', found \(found)") }
    var otherwise = Operand(expression: .literal(.null), byteOffset: token.byteOffset, type: .null)
    if isKeyword("else") {
      try advance()
      otherwise = try condition()
    }
    guard isKeyword("end") else { throw error("expected 'end' for the 'case' at byte \(start), found \(found)") }
    try advance()
    leave()
    return try choose(branches, otherwise: otherwise, at: start)
  }

  private func choose(
    _ branches: [(condition: Operand, value: Operand)], otherwise: Operand, at start: Int
  ) throws(ExpressionError) -> Operand {
    var type = otherwise.type
    var chosen: [Expression.Branch] = []
    var operands = [otherwise]
    for branch in branches {
      chosen.append(Expression.Branch(try asCondition(branch.condition), branch.value.expression))
      type.formUnion(branch.value.type)
      operands += [branch.condition, branch.value]
    }
    return folded(.choose(chosen, otherwise: otherwise.expression), type, at: start, operands)
  }
}
