// Generators of numbers: ranges, decimals, and every distribution with its clamp and its decimals.

import Base
import Configuration

extension SchemaReader {
  /// `[1, 48]`, `any`, or a distribution of which whole numbers are written.
  func integer(_ node: ConfigurationNode, _ what: String) -> FieldGenerator? {
    switch node.content {
    case .scalar:
      if node.scalarText == "any" { return .integer(.min ... .max) }
      values.mismatch(node, what, expected: "[1, 48], any, or a distribution such as { poisson: 3 }")
      return nil
    case .mapping:
      guard let reader = MappingReader(node, what, values) else { return nil }
      let distribution = values.distribution(in: reader, of: .number)
      let clamp = clamp(reader)
      reader.finish()
      return distribution.map { .number(NumberSettings(distribution: $0, clamp: clamp, decimals: 0)) }
    case .sequence:
      guard let items = values.list(node, what, min: 2, max: 2) else { return nil }
      guard let low = values.integer(items[0], "the lower bound in \(what)"),
        let high = values.integer(items[1], "the upper bound in \(what)")
      else { return nil }
      guard low <= high else {
        diagnostics.error(
          "wrong-value", at: items[0].location,
          "\(what): the lower bound \(low) is above the upper bound \(high); did you mean [\(high), \(low)]?")
        return nil
      }
      return .integer(low...high)
    }
  }

  /// `[0, 1]`: as many digits as the number needs, or as `decimals` says.
  func float(_ node: ConfigurationNode, _ reader: MappingReader) -> FieldGenerator? {
    let decimals = reader.integer("decimals", in: 0...9)
    guard let bounds = values.bounds(node, reader.what("float"), of: .number) else { return nil }
    if let decimals { checkDigits(bounds.low, bounds.high, Int(decimals), node, reader.what("float")) }
    return .number(NumberSettings(distribution: .uniform(bounds.low, bounds.high), decimals: decimals.map { Int($0) }))
  }

  /// `[0.99, 99.99]` with exactly as many decimals. Half a last digit is added at both ends, so that the bounds are as likely as what lies between.
  func decimal(_ node: ConfigurationNode, _ reader: MappingReader) -> FieldGenerator? {
    let decimals = Int(reader.integer("decimals", in: 0...9) ?? 2)
    guard let bounds = values.bounds(node, reader.what("decimal"), of: .number) else { return nil }
    checkDigits(bounds.low, bounds.high, decimals, node, reader.what("decimal"))
    var half = 0.5
    for _ in 0..<decimals { half /= 10 }
    return .number(
      NumberSettings(
        distribution: .uniform(bounds.low - half, bounds.high + half), clamp: bounds.low...bounds.high, decimals: decimals))
  }

  /// A distribution as a field's generator.
  func number(_ name: String, _ reader: MappingReader) -> FieldGenerator? {
    let distribution = values.distribution(name, reader, of: .number)
    let clamp = clamp(reader)
    let usual: Int64 = name == "poisson" || name == "zipf" ? 0 : 2
    let decimals = reader.integer("decimals", in: 0...9) ?? usual
    return distribution.map { .number(NumberSettings(distribution: $0, clamp: clamp, decimals: Int(decimals))) }
  }

  /// Refuses bounds that have more digits, with their decimals, than are written: those of 2^62.
  private func checkDigits(_ low: Double, _ high: Double, _ decimals: Int, _ node: ConfigurationNode, _ what: String) {
    let scale = (0..<decimals).reduce(1.0) { scale, _ in scale * 10 }
    guard max(abs(low), abs(high)) * scale >= 0x1p62 else { return }
    diagnostics.error(
      "wrong-value", at: node.location,
      "\(what): expected numbers of at most 18 digits, found bounds with \(decimals) decimals that have more")
  }

  private func clamp(_ reader: MappingReader) -> ClosedRange<Double>? {
    guard let node = reader.node("clamp"), let bounds = values.bounds(node, reader.what("clamp"), of: .number) else { return nil }
    return bounds.low...bounds.high
  }
}
