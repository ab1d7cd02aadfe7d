// Rates over time. Every shape becomes segments, so that those who follow a load know only lines and sines.

import Configuration

extension SchemaReader {
  /// Rates that can be kept count: not so low that the next record lies beyond all times, nor higher than anyone could send.
  static let rateMin = 1e-6
  static let rateMax = 1e9
  static let segmentCountMax = 10_000
  private static let shapes = ["ramp", "step", "sine", "burst", "spike", "poisson", "stages"]

  /// A load that is not in a file, such as `{ ramp: { from: 100/s, to: 5k/s, over: 10m } }`; nil exactly when the diagnostics hold an error.
  public static func readLoad(text: String, diagnostics: Diagnostics) -> LoadShape? {
    guard let node = ConfigurationLoader().load(text: text, diagnostics: diagnostics) else { return nil }
    let shape = SchemaReader(directory: "", diagnostics: diagnostics).readLoad(node, "a load")
    return diagnostics.hasErrors ? nil : shape
  }

  /// A rate above 0.
  func rate(_ node: ConfigurationNode, _ what: String) -> Double? {
    guard let rate = values.rate(node, what) else { return nil }
    return checked(rate, node, what)
  }

  /// A rate that may be 0.
  private func rateOrZero(_ node: ConfigurationNode, _ what: String) -> Double? {
    if let text = node.scalarText, Units.ratePerSecond(text) == 0 { return 0 }
    return rate(node, what)
  }

  private func checked(_ rate: Double, _ node: ConfigurationNode, _ what: String) -> Double? {
    guard rate >= Self.rateMin, rate <= Self.rateMax else {
      values.mismatch(node, what, expected: "a rate from 0.000001/s to 1000M/s", code: "wrong-value")
      return nil
    }
    return rate
  }

  private func required(_ name: String, _ reader: MappingReader) -> Double? {
    reader.required(name).flatMap { rateOrZero($0, reader.what(name)) }
  }

  private func duration(_ name: String, _ reader: MappingReader) -> Double? {
    reader.required(name).flatMap { values.parameter($0, reader.what(name), of: .duration, above: 0) }
  }

  // MARK: - Shapes

  /// `2k/s`, or one of the shapes.
  func readLoad(_ node: ConfigurationNode, _ what: String) -> LoadShape? {
    guard case .mapping = node.content else { return rate(node, what).map { .constant($0) } }
    guard let reader = MappingReader(node, what, values) else { return nil }
    guard let name = shape(in: reader, among: Self.shapes, also: ["repeat"]) else { return nil }
    if name != "stages", reader.has("repeat") {
      diagnostics.error("unknown-field", at: reader.keyLocation("repeat"), "'repeat' in \(what) goes with stages, not with \(name)")
    }
    guard let shapeNode = reader.node(name) else { return nil }
    let inner = reader.what(name)
    if name == "poisson" {
      guard var shape = rate(shapeNode, inner).map({ LoadShape.constant($0) }) else { return nil }
      shape.isRandom = true
      return shape
    }
    if name == "stages" { return readStages(shapeNode, inner, isRepeated: reader.bool("repeat") ?? false) }
    guard let shapeReader = MappingReader(shapeNode, inner, values) else { return nil }
    let shape: LoadShape?
    switch name {
    case "ramp": shape = readRamp(shapeReader)
    case "step": shape = readSteps(shapeReader)
    case "sine": shape = readSine(shapeReader, length: .infinity).map { LoadShape(segments: [$0]) }
    case "burst": shape = readBurst(shapeReader)
    default: shape = readSpike(shapeReader)
    }
    guard let shape else { return nil }
    return hasRecords(shape, at: shapeNode, inner)
  }

  /// The one shape that a mapping names.
  private func shape(in reader: MappingReader, among names: [String], also: [String]) -> String? {
    let present = names.filter { reader.node($0) != nil }
    for name in also { _ = reader.node(name) }
    reader.finish()
    guard present.count == 1 else {
      let isUnknown = reader.pairs.contains { !names.contains($0.name) && !also.contains($0.name) }
      if present.count > 1 || !isUnknown {
        diagnostics.error(
          "wrong-value", at: reader.location,
          "\(reader.subject ?? ""): expected one of \(names.joined(separator: ", ")), found \(present.isEmpty ? "none" : present.joined(separator: " and "))"
        )
      }
      return nil
    }
    return present[0]
  }

  /// A load under which nothing is ever sent is a mistake.
  private func hasRecords(_ shape: LoadShape, at node: ConfigurationNode, _ what: String) -> LoadShape? {
    let isEmpty = shape.segments.allSatisfy { segment in
      switch segment.curve {
      case .line(let from, let to): from == 0 && to == 0
      case .sine(let mean, _, _): mean == 0
      }
    }
    guard isEmpty else { return shape }
    diagnostics.error("wrong-value", at: node.location, "\(what): expected a rate above 0 at some time")
    return nil
  }

  private func level(_ rate: Double, _ length: Double) -> LoadShape.Segment {
    .init(lengthMilliseconds: length, curve: .line(from: rate, to: rate))
  }

  private func readRamp(_ reader: MappingReader) -> LoadShape? {
    let from = required("from", reader)
    let to = required("to", reader)
    let over = duration("over", reader)
    reader.finish()
    guard let from, let to, let over else { return nil }
    return LoadShape(segments: [.init(lengthMilliseconds: over, curve: .line(from: from, to: to)), level(to, .infinity)])
  }

  private func readSteps(_ reader: MappingReader) -> LoadShape? {
    let from = required("from", reader)
    let byNode = reader.required("by")
    let by = byNode.flatMap { rate($0, reader.what("by")) }
    let every = duration("every", reader)
    let to = required("to", reader)
    reader.finish()
    guard let from, let by, let every, let to, let byNode else { return nil }
    guard abs(to - from) / by < Double(Self.segmentCountMax) else {
      values.mismatch(
        byNode, reader.what("by"), expected: "a step that leads to 'to' in fewer than \(Self.segmentCountMax) steps",
        code: "wrong-value")
      return nil
    }
    var segments: [LoadShape.Segment] = []
    // The last step is the one to `to`, however long the way that is left.
    let count = Int((abs(to - from) / by).rounded(.up))
    for step in 0..<count { segments.append(level(from + (to > from ? by : -by) * Double(step), every)) }
    return LoadShape(segments: segments + [level(to, .infinity)])
  }

  private func readSine(_ reader: MappingReader, length: Double) -> LoadShape.Segment? {
    let mean = required("mean", reader)
    let amplitudeNode = reader.required("amplitude")
    let amplitude = amplitudeNode.flatMap { rateOrZero($0, reader.what("amplitude")) }
    let period = duration("period", reader)
    reader.finish()
    guard let mean, let amplitude, let period, let amplitudeNode else { return nil }
    guard amplitude <= mean else {
      values.mismatch(
        amplitudeNode, reader.what("amplitude"), expected: "at most the mean, as no rate is below 0", code: "wrong-value")
      return nil
    }
    return .init(lengthMilliseconds: length, curve: .sine(mean: mean, amplitude: amplitude, periodMilliseconds: period))
  }

  /// The base first, then the peak, over and over.
  private func readBurst(_ reader: MappingReader) -> LoadShape? {
    let base = required("base", reader)
    let peak = required("peak", reader)
    let every = duration("every", reader)
    let length = duration("for", reader)
    reader.finish()
    guard let base, let peak, let every, let length else { return nil }
    guard length < every else {
      diagnostics.error("wrong-value", at: reader.keyLocation("for"), "\(reader.what("for")): expected less than 'every'")
      return nil
    }
    return LoadShape(segments: [level(base, every - length), level(peak, length)], isRepeated: true)
  }

  private func readSpike(_ reader: MappingReader) -> LoadShape? {
    let base = required("base", reader)
    let peak = required("peak", reader)
    let at = reader.required("at").flatMap { values.parameter($0, reader.what("at"), of: .duration, least: 0) }
    let length = duration("for", reader)
    reader.finish()
    guard let base, let peak, let at, let length else { return nil }
    return LoadShape(segments: (at > 0 ? [level(base, at)] : []) + [level(peak, length), level(base, .infinity)])
  }

  private func readStages(_ node: ConfigurationNode, _ what: String, isRepeated: Bool) -> LoadShape? {
    guard let items = values.list(node, what, min: 1, max: Self.segmentCountMax) else { return nil }
    var segments: [LoadShape.Segment] = []
    for (index, item) in items.enumerated() {
      guard let reader = MappingReader(item, "an item in \(what)", values) else { continue }
      var length: Double? = .infinity
      if index + 1 < items.count || isRepeated || reader.has("for") { length = duration("for", reader) }
      guard let name = shape(in: reader, among: ["rate", "ramp", "sine"], also: ["for"]), let shapeNode = reader.node(name),
        let length
      else { continue }
      if name == "rate" {
        if let rate = rateOrZero(shapeNode, reader.what("rate")) { segments.append(level(rate, length)) }
        continue
      }
      guard let inner = MappingReader(shapeNode, reader.what(name), values) else { continue }
      if name == "sine" {
        if let segment = readSine(inner, length: length) { segments.append(segment) }
        continue
      }
      let from = required("from", inner)
      let to = required("to", inner)
      inner.finish()
      guard let from, let to else { continue }
      guard length.isFinite else {
        diagnostics.error("missing-field", at: reader.location, "missing field 'for' in \(reader.subject ?? ""): a ramp has an end")
        continue
      }
      segments.append(.init(lengthMilliseconds: length, curve: .line(from: from, to: to)))
    }
    guard segments.count == items.count else { return nil }
    return hasRecords(LoadShape(segments: segments, isRepeated: isRepeated), at: node, what)
  }
}
