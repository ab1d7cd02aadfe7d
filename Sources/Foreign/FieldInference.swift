// From the profile of a field to its generator.

import Base
import Configuration

final class FieldInference {
  /// One line per field: what was inferred, from what.
  private(set) var notes: [String] = []
  private let prefix: String
  private let entities: InferredEntities
  /// Different values up to which a field is taken for a choice.
  static let choiceCountMax = 50

  init(prefix: String, entities: InferredEntities) {
    self.prefix = prefix
    self.entities = entities
  }

  // MARK: - Objects

  func fields(_ profile: ObjectProfile, path: String = "") -> [DocumentEntry] {
    profile.names.compactMap { name in
      guard let field = profile.fields[name] else { return nil }
      var sketch =
        path.isEmpty ? bound(field, name) ?? sketch(field, name: name, path: name) : sketch(field, name: name, path: path + name)
      let optional = 1 - Double(field.count) / Double(max(1, profile.count))
      if optional > 0 { sketch.optional = optional }
      return sketch.entry(name)
    }
  }

  private func sketch(_ profile: ValueProfile, name: String, path: String) -> FieldSketch {
    var parts: [(sketch: FieldSketch, count: Int)] = []
    if profile.boolCount > 0 {
      let share = Double(profile.trueCount) / Double(profile.boolCount)
      let sketch =
        share == 0 || share == 1
        ? FieldSketch.constant(.word(share == 1 ? "true" : "false")) : FieldSketch(["bool": .number(FieldSketch.rounded(share))])
      parts.append((sketch, profile.boolCount))
      note(path, "boolean, \(Int((share * 100).rounded())) % true", profile.boolCount)
    }
    if profile.numbers.count > 0 { parts.append((number(profile.numbers, name: name, path: path), profile.numbers.count)) }
    if profile.texts.count > 0 {
      parts.append(
        (TextInference(profile.texts, name: name).sketch { self.note(path, $0, profile.texts.count) }, profile.texts.count))
    }
    if let object = profile.object { parts.append((self.object(object, path: path), profile.objectCount)) }
    if profile.lengths.count > 0 { parts.append((list(profile, name: name, path: path), profile.lengths.count)) }
    guard var sketch = parts.first?.sketch else { return .constant(.word("null")) }
    if parts.count > 1 {
      let total = Double(parts.reduce(0) { $0 + $1.count })
      let branches = parts.map { part -> DocumentNode in
        var settings = part.sketch.settings
        settings.append(DocumentEntry("weight", .number(FieldSketch.rounded(Double(part.count) / total))))
        return .mapping(settings)
      }
      sketch = FieldSketch(["one_of": .list(branches)])
    }
    if profile.nullCount > 0 { sketch.nullable = Double(profile.nullCount) / Double(profile.count) }
    return sketch
  }

  /// The identifier of a row that the record draws.
  private func bound(_ profile: ValueProfile, _ name: String) -> FieldSketch? {
    guard let entity = entities.entity(ofField: name) else { return nil }
    note(name, "UUIDs that come back, about \(entity.count) different ones: entity '\(entity.name)'", profile.count)
    var sketch = FieldSketch(["from": .text("\(entity.name).\(entity.field)")])
    if profile.nullCount > 0 { sketch.nullable = Double(profile.nullCount) / Double(profile.count) }
    return sketch
  }

  private func object(_ profile: ObjectProfile, path: String) -> FieldSketch {
    if let map = profile.map {
      note(path, "a map: more than \(ObjectProfile.nameCountMax) different names", profile.count)
      let keys = TextInference(map.names, name: "").sketch { _ in }
      let values = sketch(map.values, name: "", path: path + ".*")
      let least = min(map.least, 10_000)
      return FieldSketch([
        "map": values.itemNode, "keys": keys.itemNode,
        "length": .list([.integer(least), .integer(min(max(map.most, least), 10_000))]),
      ])
    }
    let fields = fields(profile, path: path + ".")
    return fields.isEmpty ? .constant(.mapping([])) : .object(fields)
  }

  private func list(_ profile: ValueProfile, name: String, path: String) -> FieldSketch {
    let least = min(profile.lengths.least, 10_000)
    let most = min(profile.lengths.most, 10_000)
    guard most > 0, let items = profile.items, items.count > 0 else { return .constant(.list([])) }
    let item = sketch(items, name: name, path: path + "[]")
    return FieldSketch([
      "array": item.itemNode, "length": least == most ? .integer(least) : .list([.integer(least), .integer(most)]),
    ])
  }

  // MARK: - Numbers

  private func number(_ profile: NumberProfile, name: String, path: String) -> FieldSketch {
    let isWhole = profile.integerCount == profile.count
    if profile.least == profile.most, profile.count > 1 {
      note(path, "always \(DocumentNode.numberText(profile.least))", profile.count)
      return .constant(.number(profile.least))
    }
    if isWhole {
      if let times = Self.numericTimes(profile, name: name) {
        note(path, "times as \(times.format)\(times.isRising ? "" : ", not rising")", profile.count)
        return times.sketch
      }
      if profile.isArithmetic, profile.count > 2, let first = profile.first, let step = profile.step, step != 0,
        abs(first) < 1 << 52
      {
        note(path, "a sequence from \(first) by \(step)", profile.count)
        var sketch = FieldSketch(["sequence": .word("number"), "start": .integer(first)])
        if step != 1 { sketch.settings.append(DocumentEntry("step", .integer(step))) }
        return sketch
      }
    }
    if let counts = profile.counts, counts.count <= 12, profile.count >= max(20, counts.count * 4) {
      note(path, "\(counts.count) different numbers", profile.count)
      let values = counts.sorted { $0.key < $1.key }
      return .choice(values.map { .number($0.key) }, weights: Self.percentages(values.map(\.value)))
    }
    return distribution(profile, isWhole: isWhole, path: path)
  }

  private func distribution(_ profile: NumberProfile, isWhole: Bool, path: String) -> FieldSketch {
    let isSmall = max(abs(profile.least), abs(profile.most)) < 9e15
    let decimals = isWhole ? 0 : profile.decimals <= 6 ? max(profile.decimals, 1) : 6
    guard isSmall else {
      return isWhole ? FieldSketch(["int": .word("any")]) : FieldSketch(["float": .range(profile.least, profile.most)])
    }
    let range = DocumentNode.range(profile.least, profile.most)
    guard let fit = NumberFit(profile.reservoir), fit.shape != .uniform else {
      note(path, "evenly from \(DocumentNode.numberText(profile.least)) to \(DocumentNode.numberText(profile.most))", profile.count)
      if isWhole { return FieldSketch(["int": range]) }
      return profile.decimals <= 6
        ? FieldSketch(["decimal": range, "decimals": .integer(decimals)]) : FieldSketch(["float": range])
    }
    note(
      path,
      "\(fit.shape.rawValue), Kolmogorov-Smirnov distance \(NumberFit.rounded((fit.distance * 1000).rounded() / 1000)) (\(fit.confidence))",
      profile.count)
    func parameter(_ value: Double) -> DocumentNode { .number(NumberFit.rounded(value)) }
    let distribution: DocumentNode
    switch fit.shape {
    case .normal: distribution = .mapping(["mean": parameter(fit.parameters.0), "sd": parameter(fit.parameters.1)])
    case .lognormal:
      distribution = .mapping(["median": parameter(fit.parameters.0), "sigma": parameter(min(10, fit.parameters.1))])
    default: distribution = parameter(fit.parameters.0)
    }
    return FieldSketch([fit.shape.rawValue: distribution, "clamp": range, "decimals": .integer(decimals)])
  }

  /// Shares of a hundred or more, so that they read well.
  static func percentages(_ counts: [Int]) -> [Double] {
    let total = Double(counts.reduce(0, +))
    return counts.map { max(0.01, NumberFit.rounded((Double($0) / total * 10_000).rounded() / 100)) }
  }

  // MARK: - Times

  struct Times {
    var format: String
    var least: Int64
    var most: Int64
    var isRising: Bool

    /// The event's time where times rise, else any time in between.
    var sketch: FieldSketch {
      if isRising || least >= most {
        return FieldSketch(["time": .word("event"), "format": format.contains("%") ? .text(format) : .word(format)])
      }
      let between = DocumentNode.list([.word(TimeText.rfc3339(least)), .word(TimeText.rfc3339(most))])
      return FieldSketch(["time": .mapping(["between": between]), "format": format.contains("%") ? .text(format) : .word(format)])
    }
  }

  /// Whole numbers that are times: in the range of the years 2001 to 2039, and rising or named like one.
  private static func numericTimes(_ profile: NumberProfile, name: String) -> Times? {
    let units: [(format: String, perSecond: Double)] = [("epoch_s", 1), ("epoch_ms", 1000), ("epoch_us", 1e6)]
    let from = 978_307_200.0
    let to = 2_208_988_800.0
    guard let unit = units.first(where: { profile.least >= from * $0.perSecond && profile.most < to * $0.perSecond }) else {
      return nil
    }
    let isRising = profile.count < 3 || Double(profile.risingCount) >= 0.7 * Double(profile.count - 1)
    let hints = ["time", "ts", "date", "_at", "at_", "stamp", "when", "created", "updated"]
    let isNamed = hints.contains { name.lowercased().contains($0) } || name.hasSuffix("At")
    guard isNamed || isRising && unit.perSecond > 1 && profile.count >= 10 else { return nil }
    return Times(
      format: unit.format, least: Int64(profile.least / unit.perSecond * 1000), most: Int64(profile.most / unit.perSecond * 1000),
      isRising: isRising)
  }

  /// The times of a field, whether texts or numbers; nil where it holds something else.
  static func times(_ profile: ValueProfile, name: String) -> Times? {
    if profile.numbers.count == profile.count, profile.numbers.integerCount == profile.count {
      return numericTimes(profile.numbers, name: name)
    }
    guard profile.texts.count == profile.count else { return nil }
    return textTimes(profile.texts)
  }

  static func textTimes(_ texts: TextProfile) -> Times? {
    guard texts.count > 0, let format = texts.times.format, texts.times.count == texts.count else { return nil }
    return Times(format: format, least: texts.times.least, most: texts.times.most, isRising: texts.times.isRising)
  }

  // MARK: - Notes

  private func note(_ path: String, _ what: String, _ count: Int) {
    notes.append("\(prefix)\(path): \(what) (\(count) value\(count == 1 ? "" : "s")\(count < 20 ? ", unsure" : ""))")
  }
}
