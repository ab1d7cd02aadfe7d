// Distributions as schemas write them: `{ lognormal: { median: 3s, sigma: 0.7 } }`. One reader serves numbers, counts, durations and offsets; they
// differ in how a parameter is written and in which distributions make sense.

import Base
import Configuration

extension ValueReader {
  /// What the numbers of a distribution are.
  enum Quantity {
    case number
    /// How many there are: from 0 on.
    case count
    /// In milliseconds, from 0 on.
    case duration
    /// In milliseconds, of either sign.
    case offset

    var isTime: Bool { self == .duration || self == .offset }
  }

  static let distributionNames = [
    "uniform", "normal", "lognormal", "exponential", "pareto", "poisson", "zipf", "histogram", "mixture",
  ]
  /// Those that give durations; the others give counts.
  static let durationDistributionNames = distributionNames.filter { $0 != "poisson" && $0 != "zipf" }

  /// The largest number that a distribution may name.
  static let distributionNumberMax = 1e15
  /// The longest duration that a schema may name: a hundred years.
  static let durationMax = 36_525.0 * 86_400_000
  /// The standard normal distribution's quantile at 0.95.
  private static let normalQuantile95 = 1.6448536269514722

  /// A distribution on its own: `3s` or `{ exponential: 3s }`. Nothing but the distribution may stand in the mapping.
  func distribution(_ node: ConfigurationNode, _ what: String, of quantity: Quantity) -> Distribution? {
    guard case .mapping = node.content else {
      return parameter(node, what, of: quantity, least: quantity == .offset || quantity == .number ? nil : 0).map { .constant($0) }
    }
    guard let reader = MappingReader(node, what, self) else { return nil }
    let distribution = self.distribution(in: reader, of: quantity)
    reader.finish()
    return distribution
  }

  /// The one distribution that stands in a mapping, perhaps among other settings. Nil where there is none or more than one, which is reported.
  func distribution(in reader: MappingReader, of quantity: Quantity) -> Distribution? {
    let names = quantity.isTime ? Self.durationDistributionNames : Self.distributionNames
    let present = names.filter { reader.node($0) != nil }
    guard present.count == 1 else {
      let isUnknown = reader.pairs.contains { !names.contains($0.name) && !["weight", "count", "clamp"].contains($0.name) }
      if present.count > 1 || !isUnknown {
        diagnostics.error(
          "wrong-value", at: reader.location,
          "\(reader.subject ?? ""): expected one of \(names.joined(separator: ", ")), found \(present.isEmpty ? "none" : present.joined(separator: " and "))"
        )
      }
      return nil
    }
    return distribution(present[0], reader, of: quantity)
  }

  /// The distribution `name` of a mapping that holds it.
  func distribution(_ name: String, _ outer: MappingReader, of quantity: Quantity) -> Distribution? {
    guard let node = outer.node(name) else { return nil }
    let what = outer.what(name)
    switch name {
    case "uniform": return bounds(node, what, of: quantity).map { .uniform($0.low, $0.high) }
    case "exponential": return parameter(node, what, of: quantity, above: 0).map { .exponential(mean: $0) }
    case "poisson":
      return number(node, what, expected: "a mean from 0 to 1e9") { (0...1e9).contains($0) }.map { .poisson(mean: $0) }
    case "zipf":
      let exponent = number(node, what, expected: "an exponent above 0, at most 10") { $0 > 0 && $0 <= 10 }
      guard let countNode = outer.node("count") else {
        diagnostics.error("missing-field", at: outer.location, "missing field 'count' in \(outer.subject ?? "")")
        return nil
      }
      let count = integer(countNode, outer.what("count"), in: 1...1_000_000_000)
      guard let exponent, let count else { return nil }
      return .zipf(exponent: exponent, count: Int(count))
    case "histogram":
      guard let reader = MappingReader(node, what, self) else { return nil }
      return histogram(reader, of: quantity)
    case "mixture": return mixture(node, what, of: quantity)
    default:
      guard let reader = MappingReader(node, what, self) else { return nil }
      switch name {
      case "normal": return normal(reader, of: quantity)
      case "lognormal": return lognormal(reader, of: quantity)
      default: return pareto(reader, of: quantity)
      }
    }
  }

  // MARK: - One by one

  private func normal(_ reader: MappingReader, of quantity: Quantity) -> Distribution? {
    let mean = reader.required("mean").flatMap { parameter($0, reader.what("mean"), of: quantity) }
    let sd = reader.required("sd").flatMap { parameter($0, reader.what("sd"), of: quantity, least: 0) }
    reader.finish()
    guard let mean, let sd else { return nil }
    return .normal(mean: mean, sd: sd)
  }

  /// `{ median, sigma }` or `{ median, p95 }`: the 95th percentile is `median * exp(1.645 sigma)`.
  private func lognormal(_ reader: MappingReader, of quantity: Quantity) -> Distribution? {
    let median = reader.required("median").flatMap { parameter($0, reader.what("median"), of: quantity, above: 0) }
    var sigma: Double?
    if let node = reader.node("p95") {
      let high = parameter(node, reader.what("p95"), of: quantity, above: 0)
      if reader.has("sigma") {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation("p95"), "\(reader.subject ?? ""): 'sigma' and 'p95' say the same; give one of them")
      }
      _ = reader.node("sigma")
      if let high, let median {
        sigma = (FloatMath.log(high) - FloatMath.log(median)) / Self.normalQuantile95
        if high < median || sigma! > 10 {
          mismatch(
            node, reader.what("p95"), expected: "at least the median and not above it by more than a factor of 1e7",
            code: "wrong-value")
          sigma = nil
        }
      }
    } else {
      sigma = reader.required("sigma").flatMap {
        number($0, reader.what("sigma"), expected: "a number from 0 to 10") { (0...10).contains($0) }
      }
    }
    reader.finish()
    guard let median, let sigma else { return nil }
    return .lognormal(median: median, sigma: sigma)
  }

  private func pareto(_ reader: MappingReader, of quantity: Quantity) -> Distribution? {
    let least = reader.required("min").flatMap { parameter($0, reader.what("min"), of: quantity, above: 0) }
    let alpha = reader.required("alpha").flatMap {
      number($0, reader.what("alpha"), expected: "a number above 0, at most 100") { $0 > 0 && $0 <= 100 }
    }
    var most: Double?
    if let node = reader.node("max"), let value = parameter(node, reader.what("max"), of: quantity, above: 0) {
      if let least, value <= least {
        mismatch(node, reader.what("max"), expected: "more than 'min'", code: "wrong-value")
      } else {
        most = value
      }
    }
    reader.finish()
    guard let least, let alpha else { return nil }
    return .pareto(minimum: least, alpha: alpha, maximum: most)
  }

  private func histogram(_ reader: MappingReader, of quantity: Quantity) -> Distribution? {
    let edgesNode = reader.required("edges")
    let weightsNode = reader.required("weights")
    reader.finish()
    guard let edgesNode, let weightsNode, let edgeItems = list(edgesNode, reader.what("edges"), min: 2),
      let weights = weightList(weightsNode, reader.what("weights"))
    else { return nil }
    let edges = edgeItems.compactMap { parameter($0, "an item in \(reader.what("edges"))", of: quantity) }
    guard edges.count == edgeItems.count else { return nil }
    for index in 1..<edges.count where edges[index] <= edges[index - 1] {
      mismatch(
        edgeItems[index], "an item in \(reader.what("edges"))",
        expected: "more than the one before it, \(edgeItems[index - 1].scalarText ?? "")", code: "wrong-value")
      return nil
    }
    guard weights.count == edges.count - 1 else {
      diagnostics.error(
        "wrong-value", at: weightsNode.location,
        "\(reader.what("weights")): expected \(edges.count - 1) weights, one for each bin between \(edges.count) edges, found \(weights.count)"
      )
      return nil
    }
    return .histogram(edges: edges, weights: weights)
  }

  private func mixture(_ node: ConfigurationNode, _ what: String, of quantity: Quantity) -> Distribution? {
    guard let items = list(node, what, min: 1) else { return nil }
    var components: [Distribution.Component] = []
    for item in items {
      guard let reader = MappingReader(item, "an item in \(what)", self) else { return nil }
      let weight =
        reader.node("weight").map { self.weight($0, reader.what("weight")) } ?? 1
      let distribution = self.distribution(in: reader, of: quantity)
      reader.finish()
      guard let weight, let distribution else { return nil }
      if weight > 0 { components.append(.init(distribution, weight: weight)) }
    }
    guard !components.isEmpty else {
      diagnostics.error("wrong-value", at: node.location, "\(what): all weights are 0")
      return nil
    }
    return .mixture(components)
  }

  // MARK: - Parts

  /// One parameter: a number, or a duration in milliseconds.
  func parameter(
    _ node: ConfigurationNode, _ what: String, of quantity: Quantity, above: Double? = nil, least: Double? = nil
  ) -> Double? {
    let value: Double?
    switch quantity {
    case .number, .count:
      let expected =
        above != nil ? "a number above 0" : least != nil ? "a number of at least 0" : "a number"
      value = number(node, what, expected: expected) { $0 > above ?? -.infinity && $0 >= least ?? -.infinity }
      if let value, abs(value) > Self.distributionNumberMax {
        mismatch(node, what, expected: "a number of at most 1e15", code: "wrong-value")
        return nil
      }
    case .duration, .offset:
      if quantity == .offset, least == nil, above == nil, let text = node.scalarText, text.hasPrefix("-"),
        let positive = Units.durationMilliseconds(String(text.dropFirst()))
      {
        value = -positive
      } else {
        value = fractionalDuration(node, what)
      }
      if let value, above != nil, value <= 0 {
        mismatch(node, what, expected: "a duration longer than 0", code: "wrong-value")
        return nil
      }
      if let value, abs(value) > Self.durationMax {
        mismatch(node, what, expected: "a duration of at most 36525d", code: "wrong-value")
        return nil
      }
    }
    return value
  }

  /// `[low, high]`.
  func bounds(_ node: ConfigurationNode, _ what: String, of quantity: Quantity) -> (low: Double, high: Double)? {
    guard let items = list(node, what, min: 2, max: 2) else { return nil }
    let low = parameter(items[0], "the lower bound in \(what)", of: quantity, least: quantity == .count ? 0 : nil)
    let high = parameter(items[1], "the upper bound in \(what)", of: quantity, least: quantity == .count ? 0 : nil)
    guard let low, let high else { return nil }
    guard low <= high else {
      diagnostics.error(
        "wrong-value", at: items[0].location,
        "\(what): the lower bound \(items[0].scalarText ?? "") is above the upper bound \(items[1].scalarText ?? "")")
      return nil
    }
    return (low, high)
  }

  /// A list of weights that are not all 0.
  func weightList(_ node: ConfigurationNode, _ what: String) -> [Double]? {
    guard let items = list(node, what, min: 1) else { return nil }
    let weights = items.compactMap { weight($0, "an item in \(what)") }
    guard weights.count == items.count else { return nil }
    guard weights.contains(where: { $0 > 0 }) else {
      diagnostics.error("wrong-value", at: node.location, "\(what): all weights are 0")
      return nil
    }
    return weights
  }

  /// A share or a probability.
  func share(_ node: ConfigurationNode, _ what: String) -> Double? {
    number(node, what, expected: "a number from 0 to 1") { (0...1).contains($0) }
  }
}
