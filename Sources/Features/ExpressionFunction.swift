// The functions of the expression language: their names, what they take and what they give. `if`, `nullif` and `date_trunc` are not here: the
// parser has nodes for them.

public enum ExpressionFunction: String, Sendable, Hashable, CaseIterable {
  // Numbers.
  case abs, ceil, floor, round, sign, sqrt, exp, ln, log10, pow, div
  // Any of several values.
  case coalesce, least, greatest
  // Text. Positions and lengths count code points, from 1.
  case length, lower, upper, trim, ltrim, rtrim, substring, left, right, position, contains
  case startsWith = "starts_with"
  case endsWith = "ends_with"
  case concat, replace
  case splitPart = "split_part"
  case hash
  // Times, in UTC.
  case second, minute, hour
  case dayOfWeek = "day_of_week"
  case dayOfMonth = "day_of_month"
  case dayOfYear = "day_of_year"
  case month, year
  case toTimestamp = "to_timestamp"
  case rfc3339
  // Conversions.
  case int, double, string, bool

  /// Other names under which people know them.
  static let aliases: [String: ExpressionFunction] = [
    "ceiling": .ceil, "power": .pow, "min": .least, "max": .greatest, "substr": .substring, "strpos": .position,
  ]

  /// How a function is written, for messages: `round(x[, digits])`.
  public var signature: String {
    switch self {
    case .round: "round(x[, digits])"
    case .pow: "pow(base, exponent)"
    case .div: "div(a, b)"
    case .coalesce, .least, .greatest: "\(rawValue)(a, b, ...)"
    case .concat: "concat(a, ...)"
    case .substring: "substring(text, start[, count])"
    case .left, .right: "\(rawValue)(text, count)"
    case .position, .contains: "\(rawValue)(text, part)"
    case .startsWith: "starts_with(text, prefix)"
    case .endsWith: "ends_with(text, suffix)"
    case .replace: "replace(text, part, by)"
    case .splitPart: "split_part(text, separator, number)"
    case .length, .lower, .upper, .trim, .ltrim, .rtrim: "\(rawValue)(text)"
    case .second, .minute, .hour, .dayOfWeek, .dayOfMonth, .dayOfYear, .month, .year, .toTimestamp, .rfc3339: "\(rawValue)(time)"
    case .abs, .ceil, .floor, .sign, .sqrt, .exp, .ln, .log10, .hash, .int, .double, .string, .bool: "\(rawValue)(x)"
    }
  }

  /// How many values it takes.
  var argumentCounts: ClosedRange<Int> {
    switch self {
    case .round: 1...2
    case .pow, .div, .left, .right, .position, .contains, .startsWith, .endsWith: 2...2
    case .coalesce, .least, .greatest: 1...64
    case .concat: 1...64
    case .substring: 2...3
    case .replace, .splitPart: 3...3
    default: 1...1
    }
  }

  /// The type of argument `index`.
  func argumentType(_ index: Int) -> ExpressionType {
    switch self {
    case .abs, .ceil, .floor, .sign, .sqrt, .exp, .ln, .log10, .pow: .number
    case .round: index == 0 ? .number : .integer
    case .div: .integer
    case .coalesce: .any
    case .least, .greatest: [.integer, .double, .string]
    case .length, .lower, .upper, .trim, .ltrim, .rtrim, .position, .contains, .startsWith, .endsWith, .replace: .string
    case .substring, .left, .right: index == 0 ? .string : .integer
    case .splitPart: index < 2 ? .string : .integer
    case .concat, .hash, .int, .bool: .scalar
    case .second, .minute, .hour, .dayOfWeek, .dayOfMonth, .dayOfYear, .month, .year, .toTimestamp, .rfc3339: .time
    case .double: .scalar
    case .string: .any
    }
  }

  /// The type of the result.
  func resultType(_ arguments: [ExpressionType]) -> ExpressionType {
    switch self {
    case .abs, .ceil, .floor: arguments[0].intersection(.number)
    case .round: arguments[0].intersection(.number)
    case .sqrt, .exp, .ln, .log10, .pow, .double: .double
    case .sign, .div, .length, .position, .hash, .int: .integer
    case .second, .minute, .hour, .dayOfWeek, .dayOfMonth, .dayOfYear, .month, .year, .toTimestamp: .integer
    case .coalesce: arguments.reduce(ExpressionType.null) { $0.union($1) }
    case .least, .greatest: arguments.reduce(ExpressionType.null) { $0.union($1) }.intersection([.integer, .double, .string])
    case .lower, .upper, .trim, .ltrim, .rtrim, .substring, .left, .right, .concat, .replace, .splitPart, .rfc3339, .string: .string
    case .contains, .startsWith, .endsWith, .bool: .bool
    }
  }
}
