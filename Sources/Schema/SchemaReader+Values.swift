// Generators of values that a schema states: constants, choices from lists and files, identifiers and counters.

import Base
import Configuration
import Foundation

extension SchemaReader {
  /// The largest start and step of a sequence, so that no counter runs over 64 bits within 1e12 records.
  private static let sequenceStartMax: Int64 = 1_000_000_000_000_000
  private static let sequenceStepMax: Int64 = 1_000_000

  /// A value that is always the same: a scalar, a list or a mapping of such.
  func constant(_ node: ConfigurationNode, _ what: String) -> FieldGenerator? {
    switch node.content {
    case .scalar: return values.meaning(node, what).map { .const(Scalar($0)) }
    case .sequence(let items):
      let constants = items.compactMap { constant($0, "an item in \(what)") }
      return constants.count == items.count ? .list(constants) : nil
    case .mapping(let pairs):
      let fields = pairs.compactMap { pair in
        constant(pair.value, "'\(pair.key.scalarText ?? "")' in \(what)").map {
          FieldDefinition(name: pair.key.scalarText ?? "", generator: $0)
        }
      }
      return fields.count == pairs.count ? .object(fields) : nil
    }
  }

  // MARK: - Choices

  func choice(_ node: ConfigurationNode, _ reader: MappingReader) -> FieldGenerator? {
    let what = reader.what("choice")
    var options: [Scalar]?
    var weights: [Double]?
    if case .mapping = node.content {
      guard let inner = MappingReader(node, what, values) else { return nil }
      (options, weights) = fileChoice(inner)
      if weights != nil, reader.has("weights") {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation("weights"), "\(reader.what("weights")): 'choice' names a column of weights already")
        return nil
      }
    } else {
      options = values.list(node, what, min: 1).flatMap { items in
        let values = items.compactMap { self.values.meaning($0, "an item in \(what)").map(Scalar.init) }
        return values.count == items.count ? values : nil
      }
    }
    guard let options, !options.isEmpty else { return nil }
    if let weightsNode = reader.node("weights") {
      let weightsWhat = reader.what("weights")
      guard let listed = values.weightList(weightsNode, weightsWhat) else { return nil }
      guard listed.count == options.count else {
        diagnostics.error(
          "wrong-value", at: weightsNode.location,
          "\(weightsWhat): expected \(options.count) weights, as many as 'choice' has values, found \(listed.count)")
        return nil
      }
      weights = listed
    }
    guard let weights else { return .choice(options, weights: [Double](repeating: 1, count: options.count)) }
    let chosen = zip(options, weights).filter { $0.1 > 0 }
    return .choice(chosen.map(\.0), weights: chosen.map(\.1))
  }

  /// The lines of a file, or a column of it with another one for the weights.
  private func fileChoice(_ reader: MappingReader) -> (options: [Scalar]?, weights: [Double]?) {
    let fileNode = reader.required("file")
    let columnNode = reader.node("column")
    let weightsNode = reader.node("weights")
    if columnNode == nil, weightsNode != nil { reader.reportMissing("column") }
    reader.finish()
    guard let fileNode, weightsNode == nil || columnNode != nil else { return (nil, nil) }
    let what = reader.what("file")
    guard let (path, text) = content(ofFile: fileNode, what) else { return (nil, nil) }
    guard let columnNode else { return (lines(of: text, path, fileNode, what), nil) }
    guard let records = DelimitedText.records(of: text), let header = records.first else {
      diagnostics.error(
        "wrong-value", at: fileNode.location, "\(what): \(path) is no table in CSV: it is empty, or a quote in it is not closed")
      return (nil, nil)
    }
    let names = header.map { $0.trimmingCharacters(in: .whitespaces) }
    func column(_ node: ConfigurationNode, _ what: String) -> Int? {
      guard let name = values.string(node, what) else { return nil }
      if let index = names.firstIndex(of: name) { return index }
      unknown(node, what, "no column '\(name)' in \(path)", name, names)
      return nil
    }
    guard let chosen = column(columnNode, reader.what("column")) else { return (nil, nil) }
    var weighing: Int?
    if let weightsNode {
      weighing = column(weightsNode, reader.what("weights"))
      if weighing == nil { return (nil, nil) }
    }
    var options: [Scalar] = []
    var weights: [Double] = []
    for (number, record) in records.enumerated().dropFirst() {
      guard record.count == names.count else {
        diagnostics.error(
          "wrong-value", at: fileNode.location,
          "\(what): record \(number + 1) of \(path) has \(record.count) columns, expected \(names.count) as in its header")
        return (nil, nil)
      }
      if let weighing, let weightsNode {
        guard let weight = Double(record[weighing].trimmingCharacters(in: .whitespaces)),
          weight == 0 || (1e-12...1e12).contains(weight)
        else {
          diagnostics.error(
            "wrong-value", at: weightsNode.location,
            "\(reader.what("weights")): record \(number + 1) of \(path): expected a weight of at least 0, found '\(record[weighing])'"
          )
          return (nil, nil)
        }
        weights.append(weight)
      }
      options.append(.string(record[chosen]))
    }
    guard !options.isEmpty, weighing == nil || weights.contains(where: { $0 > 0 }) else {
      diagnostics.error(
        "wrong-value", at: fileNode.location,
        "\(what): \(path) holds no values\(options.isEmpty ? " below its header" : " with a weight above 0")")
      return (nil, nil)
    }
    return (options, weighing == nil ? nil : weights)
  }

  /// The lines that are not blank, without the space around them.
  private func lines(of text: String, _ path: String, _ node: ConfigurationNode, _ what: String) -> [Scalar]? {
    let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    if lines.isEmpty {
      diagnostics.error("wrong-value", at: node.location, "\(what): \(path) holds no values; expected one per line")
    }
    return lines.map { .string($0) }
  }

  private func content(ofFile node: ConfigurationNode, _ what: String) -> (path: String, text: String)? {
    guard let name = values.string(node, what) else { return nil }
    let path = ResourcePath.resolve(name, in: directory)
    diagnostics.note(resource: path)
    do {
      let bytes = try ConfigurationLoader.bytes(ofFile: path)
      guard let text = String(validating: bytes, as: UTF8.self) else {
        diagnostics.error("wrong-value", at: node.location, "\(what): \(path) is not UTF-8 text")
        return nil
      }
      return (path, text.hasPrefix("\u{feff}") ? String(text.unicodeScalars.dropFirst()) : text)
    } catch {
      diagnostics.error("missing-file", at: node.location, "\(what): \(error.message)")
      return nil
    }
  }

  // MARK: - Identifiers

  func uuid(_ node: ConfigurationNode, _ what: String, _ owner: FieldOwner) -> FieldGenerator? {
    guard let version = values.oneOf(node, what, UUIDVersion.self) else { return nil }
    if case .entity = owner, version == .v7 {
      diagnostics.error(
        "wrong-value", at: node.location,
        "\(what): v7 holds the time of an event, which the rows of an entity do not have; use v4")
      return nil
    }
    return .uuid(version)
  }

  /// `SKU-{n:06}` or `number`, counting from `start` by `step`, and again from there before it passes `restart`.
  func sequence(_ node: ConfigurationNode, _ reader: MappingReader) -> FieldGenerator? {
    let what = reader.what("sequence")
    let startMax = Self.sequenceStartMax
    let start = reader.integer("start", in: -startMax...startMax) ?? 1
    var step: Int64 = 1
    if let stepNode = reader.node("step") {
      step = values.integer(stepNode, reader.what("step"), in: -Self.sequenceStepMax...Self.sequenceStepMax) ?? 1
      if step == 0 {
        values.mismatch(stepNode, reader.what("step"), expected: "a whole number other than 0", code: "wrong-value")
        return nil
      }
    }
    var period: Int64?
    if let restartNode = reader.node("restart") {
      guard let restart = values.integer(restartNode, reader.what("restart"), in: -startMax...startMax) else { return nil }
      guard step > 0 ? restart >= start : restart <= start else {
        values.mismatch(
          restartNode, reader.what("restart"), expected: "a number \(step > 0 ? "not below" : "not above") 'start', \(start)",
          code: "wrong-value")
        return nil
      }
      period = (restart - start) / step + 1
    }
    guard let text = values.string(node, what) else { return nil }
    if text == "number" { return .sequence(SequenceSettings(text: nil, start: start, step: step, period: period)) }
    let parts = text.components(separatedBy: "{n")
    guard parts.count == 2, let close = parts[1].firstIndex(of: "}") else {
      values.mismatch(node, what, expected: "a text with one {n} or {n:06}, or number", code: "wrong-value")
      return nil
    }
    let format = parts[1][..<close]
    var digits = 1
    if !format.isEmpty {
      guard format.hasPrefix(":0"), let width = Int(format.dropFirst(2)), (1...19).contains(width) else {
        values.mismatch(node, what, expected: "{n}, or {n:06} for at least 6 digits", code: "wrong-value")
        return nil
      }
      digits = width
    }
    let frame = SequenceSettings.Frame(
      prefix: parts[0], minimumDigits: digits, suffix: String(parts[1][parts[1].index(after: close)...]))
    return .sequence(SequenceSettings(text: frame, start: start, step: step, period: period))
  }
}
