// Evaluates one row by walking the tree, obviously: Swift's strings and `Calendar` in place of bytes and arithmetic on days. What
// `ExpressionProgram` gives is compared with this.

import Base
import Foundation
import Records
import Schema

import enum Features.Expression

@testable import Features

/// A value, or null with its reasons.
enum PlainValue: Equatable {
  case scalar(Scalar)
  case null(NullReasons)

  static let mismatch = PlainValue.null(.mismatch)
  static let outOfRange = PlainValue.null(.outOfRange)

  var reasons: NullReasons {
    if case .null(let reasons) = self { reasons } else { [] }
  }
}

struct PlainInterpreter {
  enum Truth: Equatable {
    case yes, no
    case unknown(NullReasons)

    var reasons: NullReasons {
      if case .unknown(let reasons) = self { reasons } else { [] }
    }
  }

  /// Null stands for missing as well.
  var row: [String: Scalar]

  // MARK: - Conditions

  func truth(_ expression: Expression) -> Truth {
    switch expression {
    case .not(let operand):
      switch truth(operand) {
      case .yes: return .no
      case .no: return .yes
      case let other: return other
      }
    case .and(let left, let right):
      let sides = [truth(left), truth(right)]
      if sides.contains(.no) { return .no }
      return sides == [.yes, .yes] ? .yes : .unknown(sides[0].reasons.union(sides[1].reasons))
    case .or(let left, let right): return truth(.not(.and(.not(left), .not(right))))
    case .isNull(let operand, let negated):
      if case .null = value(operand) { return negated ? .no : .yes }
      return negated ? .yes : .no
    case .isIn(let operand, let list, let negated):
      let alternatives = list.map { compare(.equal, value(operand), .scalar($0)) }
      var result = Truth.no
      for alternative in alternatives where alternative != .no { result = alternative }
      if alternatives.contains(.unknown(.mismatch)) { result = .unknown(.mismatch) }
      if alternatives.contains(.yes) { result = .yes }
      return negated ? (result == .yes ? .no : result == .no ? .yes : result) : result
    case .like(let operand, let pattern, let negated):
      switch value(operand) {
      case .null(let reasons): return .unknown(reasons)
      case .scalar(.string(let text)):
        let isMatch = matches(Array(text.unicodeScalars), Array(pattern.text.unicodeScalars)[...], pattern.escape)
        return isMatch != negated ? .yes : .no
      default: return .unknown(.mismatch)
      }
    case .compare(let comparison, let left, let right): return compare(comparison, value(left), value(right))
    default:
      switch value(expression) {
      case .scalar(.bool(let value)): return value ? .yes : .no
      case .null(let reasons): return .unknown(reasons)
      default: return .unknown(.mismatch)
      }
    }
  }

  private func matches(_ text: [Unicode.Scalar], _ pattern: ArraySlice<Unicode.Scalar>, _ escape: Unicode.Scalar?) -> Bool {
    guard let first = pattern.first else { return text.isEmpty }
    let rest = pattern.dropFirst()
    if first == escape { return text.first == rest.first && matches(Array(text.dropFirst()), rest.dropFirst(), escape) }
    if first == "%" { return (0...text.count).contains { matches(Array(text.dropFirst($0)), rest, escape) } }
    guard let character = text.first, first == "_" || first == character else { return false }
    return matches(Array(text.dropFirst()), rest, escape)
  }

  private func compare(_ comparison: Expression.Comparison, _ left: PlainValue, _ right: PlainValue) -> Truth {
    func test<T: Comparable>(_ left: T, _ right: T) -> Truth {
      switch comparison {
      case .equal: left == right ? .yes : .no
      case .notEqual: left != right ? .yes : .no
      case .less: left < right ? .yes : .no
      case .lessOrEqual: left <= right ? .yes : .no
      case .greater: left > right ? .yes : .no
      case .greaterOrEqual: left >= right ? .yes : .no
      }
    }
    guard case .scalar(let left) = left, case .scalar(let right) = right else { return .unknown(left.reasons.union(right.reasons)) }
    switch (left, right) {
    case (.integer(let left), .integer(let right)): return test(left, right)
    case (.double(let left), .double(let right)): return test(left, right)
    // Equal where the integer has that double; less where it is below the next whole number.
    case (.integer(let left), .double(let right)):
      if Double(exactly: left) == right { return test(0, 0) }
      return right >= 0x1p63 || right >= -0x1p63 && left < Int64(right.rounded(.up)) ? test(0, 1) : test(1, 0)
    case (.double, .integer):
      let mirrored: [Expression.Comparison: Expression.Comparison] = [
        .equal: .equal, .notEqual: .notEqual, .less: .greater, .lessOrEqual: .greaterOrEqual, .greater: .less,
        .greaterOrEqual: .lessOrEqual,
      ]
      return compare(mirrored[comparison]!, .scalar(right), .scalar(left))
    case (.string(let left), .string(let right)):
      let (left, right) = (Array(left.utf8), Array(right.utf8))
      return test(left == right ? 0 : left.lexicographicallyPrecedes(right) ? -1 : 1, 0)
    case (.bool(let left), .bool(let right)) where comparison == .equal: return left == right ? .yes : .no
    case (.bool(let left), .bool(let right)) where comparison == .notEqual: return left != right ? .yes : .no
    default: return .unknown(.mismatch)
    }
  }

  // MARK: - Values

  func value(_ expression: Expression) -> PlainValue {
    switch expression {
    case .field(let path): return wrapped(row[path.description] ?? .null)
    case .literal(let literal): return wrapped(literal)
    case .compare, .isNull, .isIn, .like, .not, .and, .or:
      switch truth(expression) {
      case .yes: return .scalar(.bool(true))
      case .no: return .scalar(.bool(false))
      case .unknown(let reasons): return .null(reasons)
      }
    case .choose(let branches, let otherwise):
      for branch in branches where truth(branch.condition) == .yes { return value(branch.value) }
      return value(otherwise)
    case .call(.coalesce, let arguments):
      var reasons: NullReasons = []
      for argument in arguments.map(value) {
        guard case .null(let more) = argument else { return argument }
        reasons.formUnion(more)
      }
      return .null(reasons)
    case .call(let function, let arguments) where function == .least || function == .greatest:
      return extreme(function, arguments.map(value))
    case .call(let function, let arguments): return strict(arguments.map(value)) { call(function, $0) }
    case .onDivisionByZero(let operand, let scalar):
      let value = value(operand)
      return value.reasons.contains(.divisionByZero) ? wrapped(scalar) : value
    case .negate(let operand):
      return strict([value(operand)]) {
        if case .integer(let value) = $0[0] { return value == .min ? .outOfRange : .scalar(.integer(-value)) }
        return number($0[0]).map { finite(-$0) } ?? .mismatch
      }
    case .arithmetic(let operation, let left, let right):
      return strict([value(left), value(right)]) { arithmetic(operation, $0[0], $0[1]) }
    case .dateTruncate(let unit, let operand):
      return strict([value(operand)]) { values in
        time(values[0]) { date in
          let components: [Expression.TimeUnit: Set<Calendar.Component>] = [
            .second: [.year, .month, .day, .hour, .minute, .second], .minute: [.year, .month, .day, .hour, .minute],
            .hour: [.year, .month, .day, .hour], .day: [.year, .month, .day], .week: [.yearForWeekOfYear, .weekOfYear],
            .month: [.year, .month], .quarter: [.year, .month], .year: [.year],
          ]
          var parts = Self.calendar.dateComponents(components[unit]!, from: date)
          if unit == .quarter { parts.month = (parts.month! - 1) / 3 * 3 + 1 }
          return .scalar(.integer(Int64(Self.calendar.date(from: parts)!.timeIntervalSince1970 * 1000)))
        }
      }
    }
  }

  private func wrapped(_ scalar: Scalar) -> PlainValue { scalar == .null ? .null([]) : .scalar(scalar) }

  /// Null where any argument is, with the reasons of all.
  private func strict(_ values: [PlainValue], _ body: ([Scalar]) -> PlainValue) -> PlainValue {
    let scalars = values.compactMap { value -> Scalar? in
      if case .scalar(let scalar) = value { scalar } else { nil }
    }
    return scalars.count == values.count ? body(scalars) : .null(values.reduce(into: []) { $0.formUnion($1.reasons) })
  }

  private func extreme(_ function: ExpressionFunction, _ values: [PlainValue]) -> PlainValue {
    var best = values[0]
    if case .scalar(.bool) = best { best = .mismatch }
    for value in values.dropFirst() {
      guard case .scalar(let next) = value, case .scalar = best else {
        best = .null(best.reasons.union(value.reasons))
        continue
      }
      switch compare(function == .least ? .less : .greater, value, best) {
      case .yes: best = .scalar(next)
      case .no: break
      case .unknown(let reasons): best = .null(reasons)
      }
    }
    return best
  }

  private func number(_ scalar: Scalar) -> Double? {
    switch scalar {
    case .integer(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  private func finite(_ value: Double) -> PlainValue { value.isFinite ? .scalar(.double(value == 0 ? 0 : value)) : .outOfRange }

  private func arithmetic(_ operation: Expression.Arithmetic, _ left: Scalar, _ right: Scalar) -> PlainValue {
    if case .integer(let a) = left, case .integer(let b) = right, operation != .divide {
      let wide: Int128
      switch operation {
      case .add: wide = Int128(a) + Int128(b)
      case .subtract: wide = Int128(a) - Int128(b)
      case .multiply: wide = Int128(a) * Int128(b)
      default:
        if b == 0 { return .null(.divisionByZero) }
        wide = Int128(a) % Int128(b)
      }
      return Int64(exactly: wide).map { .scalar(.integer($0)) } ?? .outOfRange
    }
    guard let a = number(left), let b = number(right) else { return .mismatch }
    switch operation {
    case .add: return finite(a + b)
    case .subtract: return finite(a - b)
    case .multiply: return finite(a * b)
    case .divide: return b == 0 ? .null(.divisionByZero) : finite(a / b)
    case .remainder: return b == 0 ? .null(.divisionByZero) : finite(a.truncatingRemainder(dividingBy: b))
    }
  }

  // MARK: - Functions

  private func text(_ scalar: Scalar) -> String {
    switch scalar {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let value): value
    }
  }

  private func string(_ scalars: some Sequence<Unicode.Scalar>) -> PlainValue {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return .scalar(.string(String(view)))
  }

  private func call(_ function: ExpressionFunction, _ arguments: [Scalar]) -> PlainValue {
    switch function {
    case .abs, .ceil, .floor, .sign, .sqrt, .exp, .ln, .log10, .round, .pow, .div: return calculate(function, arguments)
    case .second, .minute, .hour, .dayOfWeek, .dayOfMonth, .dayOfYear, .month, .year, .toTimestamp, .rfc3339:
      return time(arguments[0]) { timePart(function, $0) }
    case .int, .double, .bool: return convert(function, arguments[0])
    case .string: return .scalar(.string(text(arguments[0])))
    case .concat: return .scalar(.string(arguments.map(text).joined()))
    case .hash:
      let bytes = Array(text(arguments[0]).utf8) + [0]
      let hash = bytes.withUnsafeBufferPointer { Hash.bytes($0.baseAddress!, count: $0.count - 1) }
      return .scalar(.integer(Int64(hash & 0x7FFF_FFFF_FFFF_FFFF)))
    case .coalesce, .least, .greatest: preconditionFailure("not strict")
    default: return textFunction(function, arguments)
    }
  }

  private func calculate(_ function: ExpressionFunction, _ arguments: [Scalar]) -> PlainValue {
    guard let x = number(arguments[0]) else { return .mismatch }
    switch (function, arguments[0]) {
    case (.abs, .integer(let value)): return value == .min ? .outOfRange : .scalar(.integer(abs(value)))
    case (.ceil, .integer), (.floor, .integer): return .scalar(arguments[0])
    case (.abs, _): return finite(abs(x))
    case (.ceil, _): return finite(Foundation.ceil(x))
    case (.floor, _): return finite(Foundation.floor(x))
    case (.sign, _): return .scalar(.integer(x > 0 ? 1 : x < 0 ? -1 : 0))
    case (.sqrt, _): return finite(x.squareRoot())
    case (.exp, _): return finite(Foundation.exp(x))
    case (.ln, _): return finite(Foundation.log(x))
    case (.log10, _): return finite(Foundation.log10(x))
    case (.round, .integer) where arguments.count == 1: return .scalar(arguments[0])
    case (.round, _) where arguments.count == 1: return finite(x.rounded(.toNearestOrAwayFromZero))
    case (.pow, _):
      guard let y = number(arguments[1]) else { return .mismatch }
      return x == 0 && y < 0 ? .null(.divisionByZero) : finite(Foundation.pow(x, y))
    case (.div, .integer(let a)):
      guard case .integer(let b) = arguments[1] else { return .mismatch }
      if b == 0 { return .null(.divisionByZero) }
      return Int64(exactly: Int128(a) / Int128(b)).map { .scalar(.integer($0)) } ?? .outOfRange
    case (.div, _): return .mismatch
    default: preconditionFailure("round with digits is tested by a table")
    }
  }

  private func textFunction(_ function: ExpressionFunction, _ arguments: [Scalar]) -> PlainValue {
    guard case .string(let value) = arguments[0] else { return .mismatch }
    let scalars = Array(value.unicodeScalars)
    let spaces: Set<Unicode.Scalar> = [" ", "\t", "\n", "\r", "\u{B}", "\u{C}"]
    switch function {
    case .length: return .scalar(.integer(Int64(scalars.count)))
    case .lower: return .scalar(.string(scalars.map(\.properties.lowercaseMapping).joined()))
    case .upper: return .scalar(.string(scalars.map(\.properties.uppercaseMapping).joined()))
    case .ltrim: return string(scalars.drop { spaces.contains($0) })
    case .rtrim: return string(scalars.reversed().drop { spaces.contains($0) }.reversed())
    case .trim: return string(scalars.drop { spaces.contains($0) }.reversed().drop { spaces.contains($0) }.reversed())
    case .substring, .left, .right:
      var counts: [Int128] = []
      for argument in arguments.dropFirst() {
        guard case .integer(let count) = argument else { return .mismatch }
        counts.append(Int128(count))
      }
      let length = Int128(scalars.count)
      let first = function == .right ? length - max(counts[0], 0) + 1 : function == .left ? 1 : counts[0]
      let count = function == .substring ? (counts.count == 2 ? max(counts[1], 0) : 1 << 70) : max(counts[0], 0)
      return string(
        scalars.enumerated().filter { Int128($0.offset) + 1 >= first && Int128($0.offset) + 1 < first + count }.map(\.element))
    default: break
    }
    guard case .string(let part) = arguments[1] else { return .mismatch }
    let wanted = Array(part.unicodeScalars)
    let places = (0...scalars.count).filter { Array(scalars[$0...].prefix(wanted.count)) == wanted }
    switch function {
    case .contains: return .scalar(.bool(!places.isEmpty))
    case .startsWith: return .scalar(.bool(places.contains(0)))
    case .endsWith: return .scalar(.bool(scalars.count >= wanted.count && Array(scalars.suffix(wanted.count)) == wanted))
    case .position: return .scalar(.integer(places.first.map { Int64($0) + 1 } ?? 0))
    case .replace, .splitPart:
      var parts: [[Unicode.Scalar]] = [[]]
      var index = 0
      while index < scalars.count {
        if !wanted.isEmpty, places.contains(index) {
          parts.append([])
          index += wanted.count
        } else {
          parts[parts.count - 1].append(scalars[index])
          index += 1
        }
      }
      if function == .replace {
        guard case .string(let new) = arguments[2] else { return .mismatch }
        return string(parts.joined(separator: Array(new.unicodeScalars)))
      }
      guard case .integer(let number) = arguments[2] else { return .mismatch }
      if number == 0 { return .outOfRange }
      let place = number > 0 ? Int128(number) - 1 : Int128(parts.count) + Int128(number)
      return place >= 0 && place < parts.count ? string(parts[Int(place)]) : .scalar(.string(""))
    default: preconditionFailure("no function of texts: \(function)")
    }
  }

  private func convert(_ function: ExpressionFunction, _ value: Scalar) -> PlainValue {
    switch (function, value) {
    case (.int, .integer), (.double, .double), (.bool, .bool): return .scalar(value)
    case (.int, .double(let double)):
      return Int64(exactly: double.rounded(.towardZero)).map { .scalar(.integer($0)) } ?? .outOfRange
    case (.int, .bool(let bool)): return .scalar(.integer(bool ? 1 : 0))
    case (.double, .bool(let bool)): return .scalar(.double(bool ? 1 : 0))
    case (.double, .integer(let integer)): return .scalar(.double(Double(integer)))
    case (.bool, .integer(let integer)): return .scalar(.bool(integer != 0))
    case (.bool, .double(let double)): return .scalar(.bool(double != 0))
    case (_, .string(let text)):
      let trimmed = text.trimmingCharacters(in: CharacterSet(charactersIn: " \t\n\r\u{B}\u{C}"))
      switch function {
      case .bool: return ["true": .scalar(.bool(true)), "false": .scalar(.bool(false))][trimmed.lowercased()] ?? .mismatch
      case .int:
        guard trimmed.wholeMatch(of: /[+-]?[0-9]+/) != nil else { return .mismatch }
        return Int64(trimmed).map { .scalar(.integer($0)) } ?? .outOfRange
      default:
        guard trimmed.wholeMatch(of: /[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?/) != nil else { return .mismatch }
        return finite(strtod(trimmed, nil))
      }
    default: return .mismatch
    }
  }

  // MARK: - Times

  private static let calendar: Calendar = {
    var calendar = Calendar(identifier: .iso8601)
    calendar.timeZone = TimeZone(identifier: "UTC")!
    return calendar
  }()

  private func time(_ value: Scalar, _ body: (Date) -> PlainValue) -> PlainValue {
    var milliseconds: Double
    switch value {
    case .integer(let integer): milliseconds = Double(integer)
    case .double(let double): milliseconds = double.rounded(.down)
    case .string(let text):
      let whole = text.utf8.count == 10 ? text + "T00:00:00Z" : text
      guard let parsed = TimeText.milliseconds(fromRFC3339: whole) else { return .mismatch }
      milliseconds = Double(parsed)
    default: return .mismatch
    }
    guard abs(milliseconds) <= 8.64e15 else { return .outOfRange }
    return body(Date(timeIntervalSince1970: milliseconds / 1000))
  }

  private func timePart(_ function: ExpressionFunction, _ date: Date) -> PlainValue {
    let parts = Self.calendar.dateComponents([.year, .month, .day, .hour, .minute, .second, .weekday, .dayOfYear], from: date)
    let milliseconds = Int64((date.timeIntervalSince1970 * 1000).rounded())
    switch function {
    case .second: return .scalar(.integer(Int64(parts.second!)))
    case .minute: return .scalar(.integer(Int64(parts.minute!)))
    case .hour: return .scalar(.integer(Int64(parts.hour!)))
    case .dayOfMonth: return .scalar(.integer(Int64(parts.day!)))
    case .dayOfYear: return .scalar(.integer(Int64(parts.dayOfYear!)))
    // Calendar counts from Sunday.
    case .dayOfWeek: return .scalar(.integer(Int64((parts.weekday! + 5) % 7 + 1)))
    case .month: return .scalar(.integer(Int64(parts.month!)))
    case .year: return .scalar(.integer(Int64(parts.year!)))
    case .toTimestamp: return .scalar(.integer(milliseconds))
    default: return .scalar(.string(TimeText.rfc3339(milliseconds)))
    }
  }
}
