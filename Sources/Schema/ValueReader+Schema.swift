// Values that event schemas have and other files do not: names, topics, picks, distributions, weights.

import Configuration

extension ValueReader {
  private static func isNameByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == UInt8(ascii: "_")
      || byte == UInt8(ascii: "-")
  }

  /// A name of letters, digits, `_`, `-` and `.`.
  public func identifier(_ node: ConfigurationNode, _ what: String) -> String? {
    guard let text = string(node, what) else { return nil }
    guard text.utf8.allSatisfy({ Self.isNameByte($0) || $0 == UInt8(ascii: ".") }) else {
      mismatch(node, what, expected: "letters, digits, '_', '-' and '.'", code: "wrong-value")
      return nil
    }
    return text
  }

  /// Reports a name that is not made of letters, digits, `_` and `-`.
  public func checkName(_ name: String, _ what: String, at location: SourceLocation) {
    guard name.isEmpty || !name.utf8.allSatisfy(Self.isNameByte) else { return }
    diagnostics.error("wrong-value", at: location, "\(what): expected letters, digits, '_' and '-', found '\(name)'")
  }

  /// Reports a name that a path could not reach.
  func checkFieldName(_ name: String, at location: SourceLocation) {
    if name.isEmpty {
      diagnostics.error("wrong-value", at: location, "the name of a field: expected a text, found an empty one")
    } else if name.contains(".") {
      diagnostics.error(
        "wrong-value", at: location,
        "the name of a field: '\(name)' holds a dot, which separates the names of nested fields; use object")
    }
  }

  /// The name of a Kafka topic.
  public func topic(_ node: ConfigurationNode, _ what: String) -> String? {
    guard let text = identifier(node, what) else { return nil }
    guard text.utf8.count <= 249, text != ".", text != ".." else {
      mismatch(node, what, expected: "a topic's name: at most 249 characters, not '.' or '..'", code: "wrong-value")
      return nil
    }
    return text
  }

  /// `uniform`, `zipf` or `{ zipf: 1.1 }`.
  func pick(_ node: ConfigurationNode, _ what: String) -> RowPick? {
    guard case .mapping = node.content else {
      switch name(node, what, among: ["uniform", "zipf"], notBuilt: ["weighted", "latest", "sequential"]) {
      case "uniform": return .uniform
      case "zipf": return .zipf(exponent: 1)
      default: return nil
      }
    }
    guard let reader = MappingReader(node, what, self) else { return nil }
    let exponent = reader.required("zipf").flatMap {
      number($0, reader.what("zipf"), expected: "an exponent above 0, at most 10") { $0 > 0 && $0 <= 10 }
    }
    reader.finish(notBuilt: ["normal", "recent", "weighted"])
    return exponent.map { .zipf(exponent: $0) }
  }

  /// Names with their weights, those with the weight 0 left out: `{ listing: 70, exit: 30 }`.
  func weights(_ node: ConfigurationNode, _ what: String) -> [(name: String, location: SourceLocation, weight: Double)] {
    guard let reader = MappingReader(node, what, self) else { return [] }
    guard !reader.pairs.isEmpty else {
      mismatch(node, what, expected: "at least one state with its weight, as in { exit: 100 }", code: "wrong-value")
      return []
    }
    let weighted = reader.pairs.map { pair in
      (
        name: pair.name, location: pair.key.location,
        weight: number(pair.value, reader.what(pair.name), expected: "a weight of at least 0") { $0 >= 0 } ?? 1
      )
    }
    if weighted.allSatisfy({ $0.weight == 0 }) {
      diagnostics.error("wrong-value", at: node.location, "\(what): all weights are 0")
    }
    return weighted
  }

  /// What the numbers of a distribution are.
  enum Quantity {
    case number
    /// Durations, in milliseconds.
    case duration
  }

  static let distributionNames = ["lognormal", "exponential", "uniform"]

  /// The parameters of the distribution `name`.
  func distribution(_ name: String, _ node: ConfigurationNode, _ what: String, of quantity: Quantity) -> Distribution? {
    func value(_ node: ConfigurationNode, _ what: String, above least: Double?) -> Double? {
      switch quantity {
      case .duration:
        guard let value = fractionalDuration(node, what) else { return nil }
        if least != nil, value <= 0 {
          mismatch(node, what, expected: "a duration longer than 0", code: "wrong-value")
          return nil
        }
        return value
      case .number:
        guard let least else { return number(node, what) }
        return number(node, what, expected: "a number above 0") { $0 > least }
      }
    }
    switch name {
    case "lognormal":
      guard let reader = MappingReader(node, what, self) else { return nil }
      let median = reader.required("median").flatMap { value($0, reader.what("median"), above: 0) }
      let sigma = reader.required("sigma").flatMap {
        number($0, reader.what("sigma"), expected: "a number from 0 to 10") { (0...10).contains($0) }
      }
      reader.finish(notBuilt: ["mean", "p95", "p99"])
      guard let median, let sigma else { return nil }
      return .lognormal(median: median, sigma: sigma)
    case "exponential":
      return value(node, what, above: 0).map { .exponential(mean: $0) }
    default:
      guard let items = list(node, what, min: 2, max: 2) else { return nil }
      guard let low = value(items[0], "the lower bound in \(what)", above: nil),
        let high = value(items[1], "the upper bound in \(what)", above: nil)
      else { return nil }
      guard low <= high else {
        diagnostics.error(
          "wrong-value", at: items[0].location,
          "\(what): the lower bound \(items[0].scalarText ?? "") is above the upper bound \(items[1].scalarText ?? "")")
        return nil
      }
      return .uniform(low, high)
    }
  }
}
