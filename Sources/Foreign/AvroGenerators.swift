// One Avro type with its `arg.properties` as a generator: options, iteration, range, length, regex, prefix, suffix, odds, and what
// avro-random-generator does where there are none.

import Base
import Configuration
import Foundation

struct AvroGenerators {
  private let properties: ConfigurationNode?
  let diagnostics: Diagnostics
  let directory: String
  /// How messages name the field.
  let subject: String
  private var values: ValueReader { ValueReader(diagnostics, language: "Avro schema") }

  /// At most this many options of a file.
  static let optionCountMax = 10_000
  /// As long as the repetition of a pattern can be.
  static let textLengthMax: Int64 = 1000
  /// The printable characters of ASCII.
  private static let printable = "[ -~]"

  init(_ properties: ConfigurationNode?, _ diagnostics: Diagnostics, _ directory: String, _ subject: String) {
    self.properties = properties
    self.diagnostics = diagnostics
    self.directory = directory
    self.subject = subject
  }

  private func property(_ name: String) -> ConfigurationNode? { properties?.value(name) }
  private func what(_ name: String) -> String { "'\(name)' of \(subject)" }

  // MARK: - Types

  /// - Parameter node: Its definition, or its name where there is none.
  func primitive(_ type: String, _ logical: String?, _ node: ConfigurationNode) -> FieldSketch? {
    checkNames(for: type)
    if let options = options(for: type) { return options.sketch }
    if let iteration = property("iteration") { return AvroIteration(self.values, subject).sketch(iteration, type, affixes()) }
    switch type {
    case "boolean":
      guard let node = property("odds") else { return FieldSketch(["bool": .number(0.5)]) }
      return values.number(node, what("odds"), expected: "a number from 0 to 1") { (0...1).contains($0) }.map {
        FieldSketch(["bool": .number($0)])
      }
    case "int", "long": return integer(type, logical)
    case "float", "double": return double(type)
    case "bytes": return logical == "decimal" ? decimal(node) : text(type)
    default: return logical == "uuid" && properties == nil ? FieldSketch(["uuid": .word("v4")]) : text(type)
    }
  }

  func enumeration(_ node: ConfigurationNode) -> FieldSketch? {
    checkNames(for: "enum")
    if let options = options(for: "enum") { return options.sketch }
    guard case .sequence(let symbols)? = node.value("symbols")?.content, !symbols.isEmpty else {
      diagnostics.error("missing-field", at: node.location, "\(subject): expected a list of symbols under 'symbols'")
      return nil
    }
    return FieldSketch(["choice": .list(symbols.map { .text($0.scalarText ?? "", origin: $0.location) })])
  }

  func fixed(_ node: ConfigurationNode) -> FieldSketch? {
    checkNames(for: "fixed")
    if let options = options(for: "fixed") { return options.sketch }
    if node.value("logicalType")?.scalarText == "decimal" { return decimal(node) }
    guard let size = node.value("size") else {
      diagnostics.error("missing-field", at: node.location, "\(subject): missing field 'size'")
      return nil
    }
    return values.integer(size, what("size"), in: 0...Self.textLengthMax).map {
      $0 == 0 ? .constant(.text("")) : FieldSketch(["pattern": .text("\(Self.printable){\($0)}")])
    }
  }

  private func integer(_ type: String, _ logical: String?) -> FieldSketch? {
    let full: ClosedRange<Int64> = type == "int" ? Int64(Int32.min)...Int64(Int32.max) : .min ... .max
    guard let node = property("range") else {
      switch logical {
      case "timestamp-millis", "local-timestamp-millis": return FieldSketch(["time": .word("event"), "format": .word("epoch_ms")])
      case "timestamp-micros", "local-timestamp-micros": return FieldSketch(["time": .word("event"), "format": .word("epoch_us")])
      case "time-millis": return FieldSketch(["int": .range(0, 86_399_999)])
      case "time-micros": return FieldSketch(["int": .range(0, 86_399_999_999)])
      case "date":
        var sketch = FieldSketch(["int": .range(18_262, 21_914)])
        sketch.comments = ["Days since 1970: 2020 to 2029."]
        return sketch
      default:
        return FieldSketch(["int": type == "int" ? .list([.integer(full.lowerBound), .integer(full.upperBound)]) : .word("any")])
      }
    }
    guard case .mapping = node.content else {
      values.mismatch(node, what("range"), expected: "a mapping with 'min' and 'max'")
      return nil
    }
    guard let low = whole(node, "min", full.lowerBound, in: full), let high = whole(node, "max", full.upperBound, in: full) else {
      return nil
    }
    guard low < high else {
      diagnostics.error("wrong-value", at: node.location, "\(what("range")): 'min' \(low) is not below 'max' \(high)")
      return nil
    }
    // The end is exclusive where it is stated.
    return FieldSketch(["int": .list([.integer(low), .integer(node.value("max") == nil ? high : high - 1)])])
  }

  private func whole(_ node: ConfigurationNode, _ name: String, _ standard: Int64, in range: ClosedRange<Int64>) -> Int64? {
    guard let value = node.value(name) else { return standard }
    if let text = value.scalarText, let number = Double(text), number == number.rounded(), abs(number) < 9e15,
      range.contains(Int64(number))
    {
      return Int64(number)
    }
    return values.integer(value, "'\(name)' of 'range' of \(subject)", in: range)
  }

  private func double(_ type: String) -> FieldSketch? {
    guard let node = property("range") else { return FieldSketch(["float": .range(0, 1)]) }
    guard case .mapping = node.content else {
      values.mismatch(node, what("range"), expected: "a mapping with 'min' and 'max'")
      return nil
    }
    let extent = type == "float" ? Double(Float.greatestFiniteMagnitude) : 8e307
    func bound(_ name: String, _ standard: Double) -> Double? {
      guard let value = node.value(name) else { return standard }
      return values.number(value, "'\(name)' of 'range' of \(subject)")
    }
    guard let low = bound("min", -extent), let high = bound("max", extent) else { return nil }
    guard low < high else {
      diagnostics.error(
        "wrong-value", at: node.location,
        "\(what("range")): 'min' \(DocumentNode.numberText(low)) is not below 'max' \(DocumentNode.numberText(high))")
      return nil
    }
    return FieldSketch(["float": .range(low, high)])
  }

  /// A decimal of the stated precision, as the number that its bytes stand for.
  private func decimal(_ node: ConfigurationNode) -> FieldSketch? {
    guard let precisionNode = node.value("precision") else {
      diagnostics.error("missing-field", at: node.location, "\(subject): a decimal needs 'precision'")
      return nil
    }
    guard let precision = values.integer(precisionNode, what("precision"), in: 1...1_000_000) else { return nil }
    var scale: Int64 = 0
    if let scaleNode = node.value("scale") {
      guard let value = values.integer(scaleNode, what("scale"), in: 0...precision) else { return nil }
      scale = value
    }
    guard precision <= 15, scale <= 9 else {
      diagnostics.warning(
        "no-equivalent", at: precisionNode.location,
        "\(subject): numbers have at most 15 digits and 9 decimals here; the values are of a smaller precision")
      let decimals = min(scale, 9)
      return decimal(digits: min(15, precision - scale + decimals), decimals: decimals)
    }
    return decimal(digits: precision, decimals: scale)
  }

  private func decimal(digits: Int64, decimals: Int64) -> FieldSketch {
    let nines = String(repeating: "9", count: max(1, Int(digits)))
    let bound: String
    if decimals == 0 {
      bound = nines
    } else {
      let padded = String(repeating: "0", count: max(0, Int(decimals) + 1 - nines.count)) + nines
      bound = padded.dropLast(Int(decimals)) + "." + padded.suffix(Int(decimals))
    }
    return FieldSketch(["decimal": .list([.word("-" + bound), .word(bound)]), "decimals": .integer(decimals)])
  }

  // MARK: - Texts

  /// Strings and bytes: a regex or random characters, between prefix and suffix.
  private func text(_ type: String) -> FieldSketch? {
    guard let affixes = affixes() else { return nil }
    if let node = property("regex") {
      guard let regex = values.string(node, what("regex")) else { return nil }
      if property("length") != nil { exclude("length", "regex") }
      let alternatives = regex.contains("|") && !(affixes.prefix + affixes.suffix).isEmpty ? "(\(regex))" : regex
      return FieldSketch([
        "pattern": .text(Self.escaped(affixes.prefix) + alternatives + Self.escaped(affixes.suffix), origin: node.location)
      ])
    }
    guard let bounds = lengthBounds(maximum: Self.textLengthMax) else { return nil }
    let middle =
      bounds.upperBound == 0
      ? ""
      : "\(Self.printable){\(bounds.lowerBound == bounds.upperBound ? "\(bounds.lowerBound)" : "\(bounds.lowerBound),\(bounds.upperBound)")}"
    let pattern = Self.escaped(affixes.prefix) + middle + Self.escaped(affixes.suffix)
    return pattern.isEmpty ? .constant(.text("")) : FieldSketch(["pattern": .text(pattern)])
  }

  /// The names of a map.
  func keys() -> FieldSketch? {
    guard let node = property("keys") else { return FieldSketch(["pattern": .text(Self.printable + "{8,15}")]) }
    guard case .mapping = node.content else {
      values.mismatch(node, what("keys"), expected: "a mapping")
      return nil
    }
    return AvroGenerators(node, diagnostics, directory, "'keys' of \(subject)").primitive("string", nil, node)
  }

  struct Affixes {
    var prefix = ""
    var suffix = ""
  }

  private func affixes() -> Affixes? {
    var result = Affixes()
    for (name, path) in [("prefix", \Affixes.prefix), ("suffix", \Affixes.suffix)] {
      guard let node = property(name) else { continue }
      guard case .scalar(let scalar) = node.content else {
        values.mismatch(node, what(name), expected: "a text")
        return nil
      }
      result[keyPath: path] = scalar.text
    }
    return result
  }

  /// A text as a regular expression that matches it alone.
  static func escaped(_ text: String) -> String {
    String(text.flatMap { "\\^$.|?*+()[]{}".contains($0) ? ["\\", $0] : [$0] })
  }

  // MARK: - Length

  /// `8`, or `[8, 15]`.
  func length(maximum: Int64) -> DocumentNode? {
    guard let bounds = lengthBounds(maximum: maximum) else { return nil }
    return bounds.lowerBound == bounds.upperBound
      ? .integer(bounds.lowerBound) : .list([.integer(bounds.lowerBound), .integer(bounds.upperBound)])
  }

  private func lengthBounds(maximum: Int64) -> ClosedRange<Int64>? {
    guard let node = property("length") else { return 8...15 }
    guard case .mapping = node.content else { return values.integer(node, what("length"), in: 0...maximum).map { $0...$0 } }
    func bound(_ name: String, _ standard: Int64?, in range: ClosedRange<Int64>) -> Int64? {
      guard let value = node.value(name) else {
        if standard == nil { diagnostics.error("missing-field", at: node.location, "\(what("length")): missing field '\(name)'") }
        return standard
      }
      return values.integer(value, "'\(name)' of \(what("length"))", in: range)
    }
    guard let low = bound("min", 0, in: 0...maximum), let high = bound("max", nil, in: 1...maximum + 1) else { return nil }
    guard low < high else {
      diagnostics.error("wrong-value", at: node.location, "\(what("length")): 'min' \(low) is not below 'max' \(high)")
      return nil
    }
    return low...(high - 1)
  }

  // MARK: - Options

  /// Nil where there are none; the sketch is nil, with a finding, where they cannot be read.
  func options(for type: String) -> (sketch: FieldSketch?, Void)? {
    guard let node = property("options") else { return nil }
    for name in ["length", "regex", "iteration", "range"] where property(name) != nil { exclude(name, "options") }
    let items: [ConfigurationNode]
    switch node.content {
    case .sequence(let list): items = list
    case .mapping: items = AvroOptionsFile(values, directory, subject).items(node) ?? []
    case .scalar:
      values.mismatch(node, what("options"), expected: "a list of values, or { file, encoding }")
      return (nil, ())
    }
    guard !items.isEmpty else {
      if !diagnostics.hasErrors {
        diagnostics.error("wrong-value", at: node.location, "\(what("options")): expected at least one value")
      }
      return (nil, ())
    }
    let affixes = type == "string" ? affixes() ?? Affixes() : Affixes()
    let isFile = if case .mapping = node.content { true } else { false }
    let constants = items.map { item -> DocumentNode in
      var constant = Self.literal(item)
      if type == "string", let text = item.scalarText, !(affixes.prefix + affixes.suffix).isEmpty {
        constant = .text(affixes.prefix + text + affixes.suffix, origin: item.location)
      }
      // Places in another file would mislead.
      return isFile ? constant.relocated(to: node.location) : constant
    }
    if items.allSatisfy({ $0.scalarText != nil }) { return (.choice(constants), ()) }
    if constants.count == 1 { return (.constant(constants[0]), ()) }
    return (FieldSketch(["one_of": .list(constants.map { .mapping(["const": $0]) })]), ())
  }

  /// A value of the foreign file as it stands.
  static func literal(_ node: ConfigurationNode) -> DocumentNode {
    switch node.content {
    case .scalar(let scalar): DocumentNode(.scalar(scalar), origin: node.location)
    case .sequence(let items): DocumentNode(.sequence(items.map(literal)), origin: node.location)
    case .mapping(let pairs):
      DocumentNode(
        .mapping(pairs.map { DocumentEntry($0.key.scalarText ?? "", literal($0.value), origin: $0.key.location) }),
        origin: node.location)
    }
  }

  // MARK: - Findings

  private func exclude(_ name: String, _ other: String) {
    let location = property(name)?.location ?? SourceLocation(line: 1, column: 1)
    diagnostics.error("wrong-value", at: location, "\(subject): '\(name)' and '\(other)' exclude each other")
  }

  /// Points out properties that do nothing for the type.
  private func checkNames(for type: String) {
    guard case .mapping(let pairs)? = properties?.content else { return }
    let known: [String: [String]] = [
      "boolean": ["options", "iteration", "odds"], "int": ["options", "iteration", "range"],
      "long": ["options", "iteration", "range"],
      "float": ["options", "iteration", "range"], "double": ["options", "iteration", "range"],
      "string": ["options", "iteration", "length", "regex", "prefix", "suffix"], "bytes": ["options", "length"],
    ]
    let names = known[type] ?? ["options", "length", "keys"]
    for pair in pairs where !names.contains(pair.key.scalarText ?? "") {
      let name = pair.key.scalarText ?? ""
      diagnostics.warning(
        "no-effect", at: pair.key.location,
        "\(subject): '\(name)' has no effect on \(type)" + Suggestion.hint(for: name, among: names))
    }
  }
}
