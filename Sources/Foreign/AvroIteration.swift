// `iteration` of avro-random-generator: values that count from `start` by `step`, and start again before they reach `restart`.

import Base
import Configuration

struct AvroIteration {
  let values: ValueReader
  /// How messages name the field.
  let subject: String
  /// Fractional iterations are written out as a choice of at most this many values.
  static let choiceCountMax = 1000

  init(_ values: ValueReader, _ subject: String) {
    self.values = values
    self.subject = subject
  }

  func sketch(_ node: ConfigurationNode, _ type: String, _ affixes: AvroGenerators.Affixes?) -> FieldSketch? {
    let what = "'iteration' of \(subject)"
    guard let affixes else { return nil }
    guard case .mapping(let pairs) = node.content else {
      values.mismatch(node, what, expected: "a mapping with 'start'")
      return nil
    }
    for pair in pairs where !["start", "restart", "step", "initial"].contains(pair.key.scalarText) {
      values.diagnostics.warning("no-effect", at: pair.key.location, "\(what): '\(pair.key.scalarText ?? "")' has no effect")
    }
    guard let startNode = node.value("start") else {
      values.diagnostics.error("missing-field", at: node.location, "\(what): missing field 'start'")
      return nil
    }
    if type == "boolean" {
      guard values.bool(startNode, "'start' of \(what)") != nil else { return nil }
      values.diagnostics.warning(
        "no-equivalent", at: node.location, "\(what): no generator alternates; true and false are drawn, each as likely")
      return FieldSketch(["bool": .number(0.5)])
    }
    guard let start = number(startNode, "start"), let restart = optional(node, "restart"), let step = optional(node, "step"),
      let initial = optional(node, "initial")
    else {
      return nil
    }
    return sketch(node, type, affixes, start, restart.value, step.value, initial.value)
  }

  private func sketch(
    _ node: ConfigurationNode, _ type: String, _ affixes: AvroGenerators.Affixes, _ start: Double, _ restart: Double?,
    _ step: Double?,
    _ initial: Double?
  ) -> FieldSketch? {
    let what = "'iteration' of \(subject)"
    let step = step ?? ((restart ?? .infinity) >= start ? 1 : -1)
    guard step != 0, restart.map({ ($0 - start) * step > 0 }) ?? true else {
      values.diagnostics.error(
        "wrong-value", at: node.location,
        "\(what): by steps of \(DocumentNode.numberText(step)) it never goes from \(DocumentNode.numberText(start)) to \(restart.map(DocumentNode.numberText) ?? "anywhere")"
      )
      return nil
    }
    let limit = 9e15
    guard [start, step, restart ?? 0, initial ?? 0].allSatisfy({ abs($0) < limit }) else {
      values.diagnostics.error("wrong-value", at: node.location, "\(what): expected numbers below 9e15")
      return nil
    }
    guard [start, step].allSatisfy({ $0 == $0.rounded() }) else { return fractional(node, start, restart, step) }
    var first = start
    if let initial, initial != start {
      if restart == nil, initial == initial.rounded() {
        first = initial
      } else {
        values.diagnostics.warning(
          "no-equivalent", at: node.value("initial")?.location ?? node.location,
          "\(what): begins at 'start' \(DocumentNode.numberText(start)) rather than at 'initial'")
      }
    }
    var sketch = FieldSketch(["sequence": .word("number")])
    if type == "string" {
      sketch = FieldSketch(["sequence": .text("\(affixes.prefix){n}\(affixes.suffix)")])
    }
    sketch.settings.append(DocumentEntry("start", .number(first)))
    if step != 1 { sketch.settings.append(DocumentEntry("step", .number(step))) }
    if let restart {
      // Here the bound belongs to the values, there it does not.
      let count = ((restart - start) / step).rounded(.up)
      sketch.settings.append(DocumentEntry("restart", .number(start + (count - 1) * step)))
    }
    guard type == "string", (affixes.prefix + affixes.suffix).contains(where: { "{}".contains($0) }) else { return sketch }
    // Braces around the number are a template's matter.
    sketch.settings[0].value = .word("number")
    func escaped(_ text: String) -> String { text.replacing("{", with: "{{").replacing("}", with: "}}") }
    return FieldSketch([
      "template": .text("\(escaped(affixes.prefix)){n}\(escaped(affixes.suffix))"),
      "with": .mapping([DocumentEntry("n", .mapping(sketch.settings))]),
    ])
  }

  /// Sequences are whole numbers here, so fractions are drawn rather than counted.
  private func fractional(_ node: ConfigurationNode, _ start: Double, _ restart: Double?, _ step: Double) -> FieldSketch? {
    let what = "'iteration' of \(subject)"
    let count = restart.map { (($0 - start) / step).rounded(.up) } ?? .infinity
    guard count <= Double(Self.choiceCountMax) else {
      values.diagnostics.error(
        "no-equivalent", at: node.location,
        "\(what): fractions cannot be counted; expected whole 'start' and 'step', or at most \(Self.choiceCountMax) values up to 'restart'"
      )
      return nil
    }
    values.diagnostics.warning(
      "no-equivalent", at: node.location, "\(what): fractions cannot be counted; the values are drawn at random")
    let items = (0..<max(1, Int(count))).map { index -> DocumentNode in
      // Rounded to what a float can hold, so that 0.1 + 0.2 reads 0.3.
      .number(Double(((start + Double(index) * step) * 1e9).rounded()) / 1e9)
    }
    return FieldSketch(["choice": .list(items)])
  }

  // MARK: - Numbers

  private func number(_ node: ConfigurationNode, _ name: String) -> Double? {
    values.number(node, "'\(name)' of 'iteration' of \(subject)")
  }

  /// Nil with a finding; a nil value where it is absent.
  private func optional(_ node: ConfigurationNode, _ name: String) -> (value: Double?, Void)? {
    guard let value = node.value(name) else { return (nil, ()) }
    return number(value, name).map { ($0, ()) }
  }
}
