// Numbers and texts of a JSON Schema.

import Base
import Configuration

/// `integer` and `number` with their bounds.
struct JSONSchemaNumbers {
  private let converter: JSONSchemaConverter
  private let subject: String
  /// Multiples are written out as a choice of at most this many values.
  static let choiceCountMax = 1000

  init(_ converter: JSONSchemaConverter, _ subject: String) {
    self.converter = converter
    self.subject = subject
  }

  private struct Bound {
    var value: Double
    var isExclusive: Bool
  }

  func sketch(_ schema: JSONSchemaConverter.Resolved, isInteger: Bool) -> FieldSketch? {
    guard let low = bound(schema, "minimum", "exclusiveMinimum", isLower: true),
      let high = bound(schema, "maximum", "exclusiveMaximum", isLower: false)
    else {
      return nil
    }
    var step: Double?
    if let node = schema["multipleOf"] {
      step = converter.values.number(node, "'multipleOf' of \(subject)", expected: "a number above 0") { $0 > 0 }
      guard step != nil else { return nil }
    }
    var lowest = low.bound?.value ?? min(0, (high.bound?.value ?? 1000) - 1000)
    var highest = high.bound?.value ?? lowest + 1000
    if isInteger {
      lowest = lowest.rounded(.up) + (low.bound?.isExclusive == true && lowest == lowest.rounded() ? 1 : 0)
      highest = highest.rounded(.down) - (high.bound?.isExclusive == true && highest == highest.rounded() ? 1 : 0)
    }
    guard lowest <= highest else {
      converter.diagnostics.error(
        "wrong-value", at: schema.node.location,
        "\(subject): no number lies between \(DocumentNode.numberText(lowest)) and \(DocumentNode.numberText(highest))")
      return nil
    }
    if isInteger { return integer(lowest, highest, step, schema) }
    guard let step else { return FieldSketch(["float": .range(lowest, highest)]) }
    if let decimals = (0...9).first(where: { (step * Self.power($0)).rounded() == 1 && abs(step * Self.power($0) - 1) < 1e-9 }) {
      // The last number that is written before an exclusive bound.
      if low.bound?.isExclusive == true { lowest = ((lowest + step) * 1e9).rounded() / 1e9 }
      if high.bound?.isExclusive == true { highest = ((highest - step) * 1e9).rounded() / 1e9 }
      return FieldSketch(["decimal": .range(min(lowest, highest), highest), "decimals": .integer(decimals)])
    }
    return multiples(lowest, highest, step, schema) ?? FieldSketch(["float": .range(lowest, highest)])
  }

  private func integer(_ low: Double, _ high: Double, _ step: Double?, _ schema: JSONSchemaConverter.Resolved) -> FieldSketch? {
    if let step, step != 1, let sketch = multiples(low, high, step, schema) { return sketch }
    let limit = 9.2e18
    func text(_ value: Double) -> DocumentNode { .integer(Int64(max(-limit, min(limit, value)))) }
    return FieldSketch(["int": .list([text(low), text(high)])])
  }

  /// The multiples of `step` as a choice; nil, with a warning, where there are too many.
  private func multiples(_ low: Double, _ high: Double, _ step: Double, _ schema: JSONSchemaConverter.Resolved) -> FieldSketch? {
    let first = (low / step).rounded(.up)
    let count = (high / step).rounded(.down) - first + 1
    guard count >= 1, count <= Double(Self.choiceCountMax) else {
      converter.warn(
        schema["multipleOf"]?.location ?? schema.node.location,
        "\(subject): 'multipleOf' is not taken over; there are too many multiples, or none")
      return nil
    }
    return .choice((0..<Int(count)).map { .number(((first + Double($0)) * step * 1e9).rounded() / 1e9) })
  }

  private static func power(_ exponent: Int) -> Double { (0..<exponent).reduce(1) { result, _ in result * 10 } }

  /// The stricter of both bounds; nil with a finding.
  private func bound(
    _ schema: JSONSchemaConverter.Resolved, _ name: String, _ exclusive: String, isLower: Bool
  ) -> (bound: Bound?, Void)? {
    var result: Bound?
    if let node = schema[name] {
      guard let value = converter.values.number(node, "'\(name)' of \(subject)") else { return nil }
      result = Bound(value: value, isExclusive: false)
    }
    guard let node = schema[exclusive] else { return (result, ()) }
    // Draft 4 has a boolean beside the bound.
    if node.scalarText == "true" || node.scalarText == "false" {
      result?.isExclusive = node.scalarText == "true"
      return (result, ())
    }
    guard let value = converter.values.number(node, "'\(exclusive)' of \(subject)") else { return nil }
    if let other = result?.value, isLower ? other > value : other < value { return (result, ()) }
    return (Bound(value: value, isExclusive: true), ())
  }
}

/// `string` with its format, pattern and length.
struct JSONSchemaTexts {
  private let converter: JSONSchemaConverter
  private let subject: String

  init(_ converter: JSONSchemaConverter, _ subject: String) {
    self.converter = converter
    self.subject = subject
  }

  func sketch(_ schema: JSONSchemaConverter.Resolved) -> FieldSketch? {
    if let node = schema["format"] {
      guard let format = converter.values.string(node, "'format' of \(subject)") else { return nil }
      if let sketch = Self.formats[format] { return sketch }
      converter.warn(
        node.location,
        "\(subject): the format '\(format)' is not taken over" + Suggestion.hint(for: format, among: Self.formats.keys.sorted()))
    }
    if let node = schema["pattern"] {
      return converter.values.string(node, "'pattern' of \(subject)").map {
        FieldSketch(["pattern": .text(Self.unanchored($0), origin: node.location)])
      }
    }
    if case .sequence(let examples)? = schema["examples"]?.content, examples.count > 1,
      examples.allSatisfy({ $0.scalarText != nil })
    {
      return .choice(examples.map { .text($0.scalarText ?? "", origin: $0.location) })
    }
    guard schema["minLength"] != nil || schema["maxLength"] != nil else { return .fake("word") }
    func length(_ name: String) -> Int64?? {
      guard let node = schema[name] else { return .some(nil) }
      return converter.values.integer(node, "'\(name)' of \(subject)", in: 0...100_000).map { .some($0) } ?? .none
    }
    guard let low = length("minLength"), let high = length("maxLength") else { return nil }
    let least = low ?? min(1, high ?? 1)
    let most = min(high ?? least + 20, max(least + 40, least))
    guard least <= high ?? most else {
      converter.diagnostics.error(
        "wrong-value", at: schema.node.location, "\(subject): 'minLength' \(least) is above 'maxLength' \(high ?? most)")
      return nil
    }
    guard most > 0 else { return .constant(.text("")) }
    return FieldSketch(["pattern": .text(least == most ? "[a-z]{\(least)}" : "[a-z]{\(least),\(most)}")])
  }

  private static let formats: [String: FieldSketch] = [
    "date-time": FieldSketch(["time": .word("event"), "format": .word("rfc3339_ms")]),
    "date": FieldSketch(["time": .word("event"), "format": .text("%Y-%m-%d")]),
    "time": FieldSketch(["time": .word("event"), "format": .text("%H:%M:%SZ")]),
    "email": .fake("email"), "idn-email": .fake("email"), "hostname": .fake("domain"), "idn-hostname": .fake("domain"),
    "ipv4": FieldSketch(["ip": .word("v4")]), "ipv6": FieldSketch(["ip": .word("v6")]), "uri": .fake("url"), "iri": .fake("url"),
    "uri-reference": .fake("path"), "uuid": FieldSketch(["uuid": .word("v4")]),
  ]

  /// Patterns search in a text unless they are anchored; the generated text is all that they match.
  static func unanchored(_ pattern: String) -> String {
    var pattern = pattern[...]
    if pattern.hasPrefix("^") { pattern = pattern.dropFirst() }
    if pattern.hasSuffix("$"), !pattern.hasSuffix("\\$") { pattern = pattern.dropLast() }
    return String(pattern)
  }
}
