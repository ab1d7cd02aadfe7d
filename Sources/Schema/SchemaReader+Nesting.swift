// Generators that hold others: arrays, lists, maps, and one of several.

import Configuration

extension SchemaReader {
  /// Arrays and maps in one another; each multiplies the size of a record.
  static let nestingMax = 8

  /// Runs `read` one level deeper, where that is allowed.
  private func nested<Result>(_ node: ConfigurationNode, _ what: String, _ read: () -> Result?) -> Result? {
    nesting += 1
    defer { nesting -= 1 }
    guard nesting <= Self.nestingMax else {
      diagnostics.error("too-large", at: node.location, "\(what): arrays, lists and maps stand more than \(Self.nestingMax) deep")
      return nil
    }
    return read()
  }

  func array(_ node: ConfigurationNode, _ reader: MappingReader, _ owner: FieldOwner) -> FieldGenerator? {
    let count = length(reader)
    let item = nested(node, reader.what("array")) { nestedGenerator(node, reader.what("array"), owner) }
    guard let item, let count else { return nil }
    return .array(item, count: count)
  }

  func list(_ node: ConfigurationNode, _ what: String, _ owner: FieldOwner) -> FieldGenerator? {
    guard let items = values.list(node, what, max: GeneratedSize.itemMax) else { return nil }
    let generators = nested(node, what) { items.compactMap { nestedGenerator($0, "an item in \(what)", owner) } }
    guard let generators, generators.count == items.count else { return nil }
    return .list(generators)
  }

  /// An object whose names are generated; those that are no texts are written as one.
  func map(_ node: ConfigurationNode, _ reader: MappingReader, _ owner: FieldOwner) -> FieldGenerator? {
    let count = length(reader)
    let keys = reader.node("keys").flatMap { keysNode -> FieldGenerator? in
      let what = reader.what("keys")
      guard let generator = nestedGenerator(keysNode, what, owner) else { return nil }
      let kinds = kinds(of: generator, owner)
      guard kinds.isDisjoint(with: [.object, .list, .null]) else {
        diagnostics.error("wrong-type", at: keysNode.location, "\(what): the name of a field cannot be null, a list or a mapping")
        return nil
      }
      return kinds.isSubset(of: [.string]) ? generator : .text([.value(generator)])
    }
    if !reader.has("keys") { reportMissing("keys", reader) }
    let item = nested(node, reader.what("map")) { nestedGenerator(node, reader.what("map"), owner) }
    guard let item, let keys, let count else { return nil }
    return .map(keys: keys, values: item, count: count)
  }

  /// `3`, `[1, 5]` or a distribution of counts.
  private func length(_ reader: MappingReader) -> Distribution? {
    guard let node = reader.node("length") else {
      reportMissing("length", reader)
      return nil
    }
    let what = reader.what("length")
    let range: ClosedRange<Int64> = 0...Int64(GeneratedSize.itemMax)
    switch node.content {
    case .scalar: return values.integer(node, what, in: range).map { .constant(Double($0)) }
    case .mapping: return values.distribution(node, what, of: .count)
    case .sequence:
      guard let bounds = counts(node, what, in: range) else { return nil }
      return bounds.count == 1
        ? .constant(Double(bounds.lowerBound)) : .uniformInteger(Int64(bounds.lowerBound), Int64(bounds.upperBound))
    }
  }

  /// `3` or `[1, 5]`.
  func counts(_ node: ConfigurationNode, _ what: String, in range: ClosedRange<Int64>) -> ClosedRange<Int>? {
    guard case .sequence = node.content else {
      return values.integer(node, what, in: range).map { Int($0)...Int($0) }
    }
    guard let items = values.list(node, what, min: 2, max: 2),
      let low = values.integer(items[0], "the lower bound in \(what)", in: range),
      let high = values.integer(items[1], "the upper bound in \(what)", in: range)
    else { return nil }
    guard low <= high else {
      diagnostics.error(
        "wrong-value", at: items[0].location,
        "\(what): the lower bound \(low) is above the upper bound \(high); did you mean [\(high), \(low)]?")
      return nil
    }
    return Int(low)...Int(high)
  }

  /// Options with weights, each a generator.
  func oneOf(_ node: ConfigurationNode, _ what: String, _ owner: FieldOwner) -> FieldGenerator? {
    guard let items = values.list(node, what, min: 1) else { return nil }
    var options: [(generator: FieldGenerator, weight: Double)] = []
    var isWhole = true
    for item in items {
      guard let reader = generatorReader(item, "an item in \(what)") else {
        isWhole = false
        continue
      }
      let weight =
        reader.node("weight").map { values.weight($0, reader.what("weight")) } ?? 1
      guard let generator = nestedGenerator(reader, owner, also: ["weight"]), let weight else {
        isWhole = false
        continue
      }
      if weight > 0 { options.append((generator, weight)) }
    }
    guard isWhole else { return nil }
    guard !options.isEmpty else {
      diagnostics.error("wrong-value", at: node.location, "\(what): all weights are 0")
      return nil
    }
    return .oneOf(options)
  }

  /// A setting that has to stand beside a generator.
  private func reportMissing(_ name: String, _ reader: MappingReader) {
    diagnostics.error("missing-field", at: reader.location, "missing field '\(name)' in \(reader.subject ?? "")")
  }
}
