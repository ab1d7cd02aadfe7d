// What the fields of an event have to hold so that a condition is true: a search over the parts of `where`s that compare one field with a constant.
// It need not find every way, since each answer is tried out on a worker before it is used; what it does not understand it leaves open.

import Base
import Features
import Records
import Schema

/// Wanted values of fields. Nil for a field that must be missing.
typealias MarkerFields = [(path: FieldPath, value: Scalar?)]

/// What a field may be: values to choose from, and what each must fulfil. A missing field is null.
private struct MarkerDemand: Sendable {
  enum Test: Sendable {
    case compare(Expression.Comparison, Scalar)
    case among([Scalar])
    case notAmong([Scalar])
  }

  var options: [Scalar]
  var tests: [Test]

  /// Exactly one value.
  init(_ value: Scalar) {
    options = [value]
    tests = [.among([value])]
  }

  init(options: [Scalar], _ test: Test) {
    self.options = options
    tests = [test]
  }

  /// Both together; nil where no value that comes to mind fulfils them.
  func merged(with other: MarkerDemand) -> MarkerDemand? {
    var merged = self
    merged.tests += other.tests
    merged.options = options + other.options
    // Between two bounds lies their middle.
    for a in options.compactMap(\.number) {
      merged.options += other.options.compactMap(\.number).map { .double((a + $0) / 2) }
    }
    merged.options = merged.options.filter(merged.accepts)
    return merged.options.isEmpty ? nil : merged
  }

  func accepts(_ value: Scalar) -> Bool {
    tests.allSatisfy { test in
      switch test {
      case .compare(let comparison, let scalar): return comparison.holds(value, scalar)
      case .among(let scalars): return scalars.contains { Expression.Comparison.equal.holds(value, $0) || value == $0 }
      case .notAmong(let scalars): return !scalars.contains { Expression.Comparison.equal.holds(value, $0) || value == $0 }
      }
    }
  }
}

private typealias MarkerDemands = [(path: FieldPath, demand: MarkerDemand)]

struct MarkerConditions {
  /// Fields that are computed of others.
  let computed: [FieldPath: Expression]

  /// Alternatives looked at; conditions with more of them are rare, and what is left out is the last of their `or`s.
  private static let alternativeCountMax = 24

  init(_ source: SourceDefinition) {
    computed = Dictionary(source.computedFields.map { ($0.path, $0.expression) }, uniquingKeysWith: { first, _ in first })
  }

  /// Ways in which all of the conditions hold.
  func solutions(_ conditions: [Expression]) -> [MarkerFields] {
    let ways: [MarkerDemands] = conditions.reduce([[]]) { found, condition in Self.combine(found, self.ways(condition, 0)) }
    return ways.map { way in way.map { ($0.path, $0.demand.options[0] == .null ? nil : $0.demand.options[0]) } }
  }

  private static func combine(_ left: [MarkerDemands], _ right: [MarkerDemands]) -> [MarkerDemands] {
    var found: [MarkerDemands] = []
    for a in left {
      for b in right where found.count < alternativeCountMax { if let both = merge(a, b) { found.append(both) } }
    }
    return found
  }

  /// Both together; nil where they contradict each other.
  private static func merge(_ a: MarkerDemands, _ b: MarkerDemands) -> MarkerDemands? {
    var merged = a
    for (path, demand) in b {
      if let index = merged.firstIndex(where: { $0.path == path }) {
        guard let both = merged[index].demand.merged(with: demand) else { return nil }
        merged[index].demand = both
      } else {
        merged.append((path, demand))
      }
    }
    return merged
  }

  /// Ways in which `condition` is true; one that wants nothing where it is not understood.
  private func ways(_ condition: Expression, _ depth: Int, isTrue: Bool = true) -> [MarkerDemands] {
    guard depth < 64 else { return [[]] }
    switch condition {
    case .literal(.bool(let value)): return value == isTrue ? [[]] : []
    case .field: return value(of: condition, MarkerDemand(.bool(isTrue)), depth)
    case .not(let operand): return ways(operand, depth + 1, isTrue: !isTrue)
    case .and(let left, let right):
      return isTrue
        ? Self.combine(ways(left, depth + 1), ways(right, depth + 1))
        : either(ways(left, depth + 1, isTrue: false), ways(right, depth + 1, isTrue: false))
    case .or(let left, let right):
      return isTrue
        ? either(ways(left, depth + 1), ways(right, depth + 1))
        : Self.combine(ways(left, depth + 1, isTrue: false), ways(right, depth + 1, isTrue: false))
    case .compare(let comparison, .literal(let scalar), let operand):
      return compare(operand, comparison.mirrored, scalar, depth, isTrue)
    case .compare(let comparison, let operand, .literal(let scalar)): return compare(operand, comparison, scalar, depth, isTrue)
    case .isIn(let operand, let scalars, let negated):
      if isTrue != negated { return value(of: operand, MarkerDemand(options: scalars, .among(scalars)), depth) }
      return value(of: operand, MarkerDemand(options: [Self.other(than: scalars)], .notAmong(scalars + [.null])), depth)
    case .isNull(let operand, let negated):
      if isTrue != negated { return missing(operand, depth) }
      return Self.anything.flatMap { value(of: operand, MarkerDemand(options: [$0], .notAmong([.null])), depth) }
    case .like(let operand, let pattern, let negated):
      if isTrue != negated { return value(of: operand, MarkerDemand(.string(pattern.example)), depth) }
      return Self.anything.flatMap { value(of: operand, MarkerDemand(options: [$0], .notAmong([.null])), depth) }
    case .call(.startsWith, let arguments), .call(.endsWith, let arguments), .call(.contains, let arguments):
      guard arguments.count == 2, case .literal(.string(let part)) = arguments[1] else { return [[]] }
      return value(of: arguments[0], MarkerDemand(.string(isTrue ? part : "probe")), depth)
    case .choose(let branches, let otherwise):
      guard isTrue else { return [[]] }
      return branches.reduce([]) { found, branch in
        either(found, Self.combine(ways(branch.condition, depth + 1), ways(branch.value, depth + 1)))
      } + ways(otherwise, depth + 1)
    default: return [[]]
    }
  }

  private func either(_ a: [MarkerDemands], _ b: [MarkerDemands]) -> [MarkerDemands] {
    Array((a + b).prefix(Self.alternativeCountMax))
  }

  private func compare(
    _ operand: Expression, _ comparison: Expression.Comparison, _ scalar: Scalar, _ depth: Int, _ isTrue: Bool
  ) -> [MarkerDemands] {
    let comparison = isTrue ? comparison : comparison.opposite
    let options: [Scalar]
    switch comparison {
    case .equal, .lessOrEqual, .greaterOrEqual: options = [scalar]
    case .notEqual: options = [Self.other(than: [scalar])]
    case .less: options = Self.less(than: scalar).map { [$0] } ?? []
    case .greater: options = Self.greater(than: scalar).map { [$0] } ?? []
    }
    guard !options.isEmpty else { return [] }
    return value(of: operand, MarkerDemand(options: options, .compare(comparison, scalar)), depth)
  }

  /// Ways in which an expression has a value.
  private func value(of expression: Expression, _ wanted: MarkerDemand, _ depth: Int) -> [MarkerDemands] {
    guard depth < 64 else { return [[]] }
    switch expression {
    case .field(let path):
      if let computed = computed[path] {
        if case .bool(let isTrue) = wanted.options[0] { return ways(computed, depth + 1, isTrue: isTrue) }
        return value(of: computed, wanted, depth + 1)
      }
      return path.isMetadata ? [[]] : [[(path, wanted)]]
    case .literal(let scalar): return wanted.accepts(scalar) ? [[]] : []
    // What leaves many values as they are.
    case .call(let function, let arguments):
      switch function {
      case .lower, .upper, .trim, .ltrim, .rtrim, .coalesce, .least, .greatest, .string, .abs, .ceil, .floor, .round:
        return value(of: arguments[0], wanted, depth + 1)
      case .int, .double, .bool:
        return value(of: arguments[0], wanted, depth + 1)
      default: return [[]]
      }
    case .negate(let operand):
      return Self.negated(wanted.options[0]).map { value(of: operand, MarkerDemand($0), depth + 1) } ?? [[]]
    case .onDivisionByZero(let operand, _): return value(of: operand, wanted, depth + 1)
    case .arithmetic(let operation, let left, .literal(let scalar)):
      return Self.inverse(operation, wanted.options[0], scalar).map { value(of: left, MarkerDemand($0), depth + 1) } ?? [[]]
    case .choose(let branches, let otherwise):
      return branches.flatMap { Self.combine(ways($0.condition, depth + 1), value(of: $0.value, wanted, depth + 1)) }
        + Self.combine(
          branches.reduce([[]]) { Self.combine($0, ways($1.condition, depth + 1, isTrue: false)) },
          value(of: otherwise, wanted, depth + 1))
    default: return [[]]
    }
  }

  private func missing(_ expression: Expression, _ depth: Int) -> [MarkerDemands] {
    guard case .field(let path) = expression, depth < 64 else { return [[]] }
    if let computed = computed[path] { return missing(computed, depth + 1) }
    return path.isMetadata ? [[]] : [[(path, MarkerDemand(.null))]]
  }

  // MARK: Constants

  /// What a field may be made to hold when it must hold something.
  private static let anything: [Scalar] = [.string("probe"), .integer(1), .bool(true)]

  private static func other(than scalars: [Scalar]) -> Scalar {
    switch scalars.first {
    case .string?:
      let texts = scalars.compactMap { if case .string(let text) = $0 { text } else { nil } }
      return .string((texts.max { $0.count < $1.count } ?? "") + "_")
    case .bool(let value)?: return .bool(!value)
    case .null?, nil: return .string("probe")
    default:
      let greatest = scalars.compactMap(\.number).max() ?? 0
      return greatest.rounded() == greatest && abs(greatest) < 1e15 ? .integer(Int64(greatest) + 1) : .double(greatest + 1)
    }
  }

  private static func less(than scalar: Scalar) -> Scalar? {
    switch scalar {
    case .integer(let value): value > .min ? .integer(value - 1) : nil
    case .double(let value): .double(value - max(1, abs(value) / 1024))
    case .string(let text): text.isEmpty ? nil : .string("")
    default: nil
    }
  }

  private static func greater(than scalar: Scalar) -> Scalar? {
    switch scalar {
    case .integer(let value): value < .max ? .integer(value + 1) : nil
    case .double(let value): .double(value + max(1, abs(value) / 1024))
    case .string(let text): .string(text + "_")
    default: nil
    }
  }

  private static func negated(_ scalar: Scalar) -> Scalar? {
    switch scalar {
    case .integer(let value): value > .min ? .integer(-value) : nil
    case .double(let value): .double(-value)
    default: nil
    }
  }

  /// The left side with which an operation on a constant gives `wanted`.
  private static func inverse(_ operation: Expression.Arithmetic, _ wanted: Scalar, _ constant: Scalar) -> Scalar? {
    guard let result = wanted.number, let operand = constant.number else { return nil }
    let value: Double
    switch operation {
    case .add: value = result - operand
    case .subtract: value = result + operand
    case .multiply:
      guard operand != 0 else { return nil }
      value = result / operand
    case .divide: value = result * operand
    // The remainder itself, where it is one.
    case .remainder: value = result
    }
    guard value.isFinite else { return nil }
    return value.rounded() == value && abs(value) < 1e15 ? .integer(Int64(value)) : .double(value)
  }
}

extension Scalar {
  fileprivate var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }
}

extension Expression.Comparison {
  /// Whether two values compare so; values of different kinds, and null, do not.
  fileprivate func holds(_ left: Scalar, _ right: Scalar) -> Bool {
    let order: Int
    switch (left, right) {
    case (.string(let a), .string(let b)):
      order = a == b ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
    case (.bool(let a), .bool(let b)): order = a == b ? 0 : a ? 1 : -1
    default:
      guard let a = left.number, let b = right.number else { return false }
      order = a == b ? 0 : a < b ? -1 : 1
    }
    switch self {
    case .equal: return order == 0
    case .notEqual: return order != 0
    case .less: return order < 0
    case .lessOrEqual: return order <= 0
    case .greater: return order > 0
    case .greaterOrEqual: return order >= 0
    }
  }

  /// With the sides exchanged.
  fileprivate var mirrored: Self {
    switch self {
    case .equal, .notEqual: self
    case .less: .greater
    case .lessOrEqual: .greaterOrEqual
    case .greater: .less
    case .greaterOrEqual: .lessOrEqual
    }
  }

  fileprivate var opposite: Self {
    switch self {
    case .equal: .notEqual
    case .notEqual: .equal
    case .less: .greaterOrEqual
    case .lessOrEqual: .greater
    case .greater: .lessOrEqual
    case .greaterOrEqual: .less
    }
  }
}

extension LikePattern {
  /// A text that matches.
  fileprivate var example: String {
    var text = ""
    var isEscaped = false
    for scalar in self.text.unicodeScalars {
      if !isEscaped, scalar == escape {
        isEscaped = true
        continue
      }
      if isEscaped || (scalar != "%" && scalar != "_") { text.unicodeScalars.append(scalar) } else if scalar == "_" { text += "x" }
      isEscaped = false
    }
    return text
  }
}
