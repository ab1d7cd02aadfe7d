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

  /// `uniform`, `zipf`, `{ zipf: 1.1 }`, `{ zipf: 1.1, drift: 6h }` or `{ weights: [3, 1] }`.
  func pick(_ node: ConfigurationNode, _ what: String) -> RowPick? {
    guard case .mapping = node.content else {
      let hint = "; or { zipf: 1.1, drift: 6h } or { weights: [3, 1] }"
      switch name(node, what, among: ["uniform", "zipf"], hint: hint) {
      case "uniform": return .uniform
      case "zipf": return .zipf(exponent: 1)
      default: return nil
      }
    }
    guard let reader = MappingReader(node, what, self) else { return nil }
    if let weightsNode = reader.node("weights") {
      if reader.has("zipf") {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation("zipf"), "\(what): 'zipf' and 'weights' cannot both say how rows are drawn")
        _ = reader.node("zipf")
      }
      reader.finish()
      guard let weights = weightList(weightsNode, reader.what("weights")) else { return nil }
      return RowPick(.weights(weights))
    }
    let exponent = reader.required("zipf").flatMap {
      number($0, reader.what("zipf"), expected: "an exponent above 0, at most 10") { $0 > 0 && $0 <= 10 }
    }
    let drift = reader.node("drift").map { parameter($0, reader.what("drift"), of: .duration, above: 0) }
    reader.finish()
    guard let exponent, drift == nil || drift! != nil else { return nil }
    return RowPick(.zipf(exponent: exponent), driftMilliseconds: drift ?? nil)
  }

  /// A weight, or a factor: 0, or so far from it and from infinity that sums and quotients of many stay numbers.
  func weight(_ node: ConfigurationNode, _ what: String, expected: String = "a weight of at least 0") -> Double? {
    guard let weight = number(node, what, expected: expected, where: { $0 >= 0 }) else { return nil }
    guard weight == 0 || (1e-12...1e12).contains(weight) else {
      mismatch(node, what, expected: "0, or a number from 1e-12 to 1e12", code: "wrong-value")
      return nil
    }
    return weight
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
        weight: weight(pair.value, reader.what(pair.name)) ?? 1
      )
    }
    if weighted.allSatisfy({ $0.weight == 0 }) {
      diagnostics.error("wrong-value", at: node.location, "\(what): all weights are 0")
    }
    return weighted
  }
}
