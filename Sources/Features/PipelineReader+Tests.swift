// The `tests:` section: records as YAML mappings become JSON, expectations are checked against the views they are about.

import Base
import Configuration
import Foundation
import Records
import Schema
import Windowing

extension PipelineReader {
  private static let expectationNames =
    ["view", "at", "key", "window_start", "window_end", "absent", "features"] + TestCount.allCases.map(\.rawValue)
  /// What a record of a test may have beside its value.
  private static let metadataNames = ["$key", "$timestamp", "$value"]
  private static let metadataNotBuilt = ["$headers", "$partition", "$offset", "$topic"]

  func readTests(_ node: ConfigurationNode) -> [PipelineTest] {
    guard let items = values.list(node, "'tests'", min: 1) else { return [] }
    var tests: [PipelineTest] = []
    var names: Set<String> = []
    for (index, item) in items.enumerated() {
      guard let reader = MappingReader(item, "test \(index + 1)", values) else { continue }
      guard let test = readTest(reader) else { continue }
      if !names.insert(test.name).inserted {
        diagnostics.error("wrong-value", at: item.location, "two tests are called '\(test.name)'")
      }
      tests.append(test)
    }
    return tests
  }

  private func readTest(_ reader: MappingReader) -> PipelineTest? {
    let name = reader.required("name").flatMap { values.string($0, reader.what("name")) }
    let viewNode = reader.node("view")
    let view = viewNode.flatMap { namedView($0, reader.what("view")) }
    let given = reader.required("given").flatMap { values.list($0, reader.what("given")) }
    let expect = reader.required("expect").flatMap { values.list($0, reader.what("expect"), min: 1) }
    reader.finish(notBuilt: ["skip", "only", "source", "seed", "description"])
    guard let name else { return nil }
    let inputs = (given ?? []).compactMap { readInput($0, name) }
    // A view that could not be read has its finding already.
    let usual = view ?? (viewNode == nil && views.count == 1 ? 0 : nil)
    let expectations = (expect ?? []).compactMap { readExpectation($0, name, usual: usual, isUsualGiven: viewNode != nil) }
    guard let first = expectations.first, given != nil else { return nil }
    let source = views[first.view].source
    for expectation in expectations where views[expectation.view].source != source {
      diagnostics.error(
        "wrong-value", at: expectation.location,
        "test '\(name)': the views of one test read one source, but '\(views[first.view].name)' reads '\(sources[source].name)' and "
          + "'\(views[expectation.view].name)' reads '\(sources[views[expectation.view].source].name)'")
    }
    if let schema = sources[source].schema {
      for item in given ?? [] { checkFields(of: item, [], in: schema, "a record of test '\(name)'") }
    }
    return PipelineTest(name: name, location: reader.location, source: source, given: inputs, expectations: expectations)
  }

  /// Points out fields that no event of the source's schema has: they are probably misspelt.
  func checkFields(of node: ConfigurationNode, _ path: [String], in schema: EventSchema, _ what: String) {
    guard case .mapping(let pairs) = node.content else { return }
    for (key, value) in pairs {
      guard let name = key.scalarText, !name.isEmpty, !name.hasPrefix("$"), !(path.isEmpty && name == "advance") else { continue }
      let field = (path + [name]).joined(separator: ".")
      if schema.kinds(at: path + [name]) != nil {
        // What is inside a drawn object or a map is not always known.
        if schema.fieldPaths.contains(where: { $0.hasPrefix(field + ".") }) {
          checkFields(of: value, path + [name], in: schema, what)
        }
      } else {
        diagnostics.warning(
          "unknown-reference", at: key.location,
          "\(what): no event of schema '\(schema.name)' has a field '\(field)'"
            + Suggestion.hint(for: field, among: schema.fieldPaths))
      }
    }
  }

  func namedView(_ node: ConfigurationNode, _ what: String) -> Int? {
    guard let name = values.string(node, what) else { return nil }
    if let index = views.firstIndex(where: { $0.name == name }) { return index }
    if !viewNames.contains(name) {
      diagnostics.error(
        "unknown-reference", at: node.location, "\(what): no view '\(name)'\(Suggestion.hint(for: name, among: viewNames))")
    }
    return nil
  }

  // MARK: - Records

  private func readInput(_ node: ConfigurationNode, _ test: String) -> TestInput? {
    let what = "an item in 'given' of test '\(test)'"
    if case .scalar(let scalar) = node.content, !node.isNull {
      // A text is a record's bytes, whatever they are: what cannot be read can be tested, too.
      return .record(TestRecord(value: scalar.text, location: node.location))
    }
    guard let reader = MappingReader(node, what, values) else { return nil }
    if reader.pairs.count == 1, reader.has("advance") { return reader.duration("advance").map { .advance($0) } }
    var record = TestRecord(value: "", location: node.location)
    var fields: [(name: String, value: ConfigurationNode)] = []
    for pair in reader.pairs {
      guard pair.name.hasPrefix("$") else {
        fields.append((pair.name, pair.value))
        continue
      }
      readMetadata(pair.name, pair.key, pair.value, reader, &record)
    }
    if reader.has("$value") {
      if let first = fields.first {
        diagnostics.error(
          "wrong-value", at: node.location, "\(what): '$value' is the whole value, but there is a field '\(first.name)' beside it")
      }
    } else {
      record.value = json(fields, what)
    }
    return .record(record)
  }

  private func readMetadata(
    _ name: String, _ key: ConfigurationNode, _ node: ConfigurationNode, _ reader: MappingReader, _ record: inout TestRecord
  ) {
    switch name {
    case "$key": record.key = node.isNull ? nil : values.string(node, reader.what(name))
    case "$timestamp": record.timestamp = values.time(node, reader.what(name))
    case "$value":
      if case .scalar(let scalar) = node.content {
        record.value = node.isNull ? "" : scalar.text
      } else {
        record.value = json(node, reader.what(name))
      }
    default:
      if Self.metadataNotBuilt.contains(name) { return values.reportNotBuilt("'\(name)' of \(reader.subject!)", at: key.location) }
      diagnostics.error(
        "unknown-field", at: key.location,
        "unknown metadata '\(name)' in \(reader.subject!)\(Suggestion.hint(for: name, among: Self.metadataNames)); it has "
          + Self.metadataNames.joined(separator: ", "))
    }
  }

  private func json(_ fields: [(name: String, value: ConfigurationNode)], _ what: String) -> String {
    "{\(fields.map { "\(JSONText.quoted($0.name)):\(json($0.value, what))" }.joined(separator: ","))}"
  }

  /// A node as JSON: plain scalars by what they mean, quoted ones as texts.
  func json(_ node: ConfigurationNode, _ what: String) -> String {
    switch node.content {
    case .scalar: ExpectedValue(values.meaning(node, what) ?? .null).text
    case .sequence(let items): "[\(items.map { json($0, what) }.joined(separator: ","))]"
    case .mapping(let pairs): json(pairs.map { ($0.key.scalarText ?? "", $0.value) }, what)
    }
  }

  // MARK: - Expectations

  private func readExpectation(
    _ node: ConfigurationNode, _ test: String, usual: Int?, isUsualGiven: Bool
  ) -> TestExpectation? {
    guard let reader = MappingReader(node, "an item in 'expect' of test '\(test)'", values) else { return nil }
    let viewNode = reader.node("view")
    guard let index = viewNode.flatMap({ namedView($0, reader.what("view")) }) ?? (viewNode == nil ? usual : nil) else {
      if viewNode == nil, !isUsualGiven { reader.reportMissing("view", hint: "; the pipeline has several views") }
      reader.finish(ignoring: reader.pairs.map(\.name))
      return nil
    }
    let view = views[index]
    let at = reader.node("at").flatMap { values.time($0, reader.what("at")) }
    let start = reader.node("window_start").flatMap { values.time($0, reader.what("window_start")) }
    let end = reader.node("window_end").flatMap { values.time($0, reader.what("window_end")) }
    let isAbsent = reader.bool("absent") ?? false
    let key = readKey(reader, view)
    var counts: [(count: TestCount, expected: Int64)] = []
    for count in TestCount.allCases where !view.features.contains(where: { $0.name == count.rawValue }) {
      guard let expected = reader.integer(count.rawValue, in: 0 ... .max) else { continue }
      counts.append((count, expected))
      if count == .duplicates, sources[view.source].deduplication == nil {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation(count.rawValue),
          "\(reader.what(count.rawValue)): source '\(sources[view.source].name)' has no 'dedup', so every record counts")
      }
    }
    var found: [TestExpectation.Value] = []
    let nested = reader.mapping("features")
    for (place, feature) in view.features.enumerated() {
      let isReserved = Self.expectationNames.prefix(7).contains(feature.name)
      let holder = nested?.has(feature.name) == true ? nested! : reader
      guard let node = isReserved && holder === reader ? nil : holder.node(feature.name) else { continue }
      if let expected = expectedValue(node, holder.what(feature.name)) { found.append(.init(feature: place, expected: expected)) }
    }
    for feature in view.features where nested?.has(feature.name) == false { _ = nested?.node(feature.name) }
    nested?.finish()
    reader.finish()
    let expectation = TestExpectation(
      location: node.location, view: index, at: at, key: key, windowStart: start, windowEnd: end, isAbsent: isAbsent, values: found,
      counts: counts)
    check(expectation, reader, view)
    return expectation
  }

  private func readKey(_ reader: MappingReader, _ view: FeatureView) -> String? {
    guard let node = reader.node("key") else { return nil }
    guard view.entity != nil else {
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("key"),
        "\(reader.what("key")): view '\(view.name)' has one key for everything (entity: all); leave 'key' out")
      return nil
    }
    guard case .scalar(let scalar) = node.content, !node.isNull else {
      values.mismatch(node, reader.what("key"), expected: "a text or a whole number")
      return nil
    }
    return scalar.text
  }

  private func expectedValue(_ node: ConfigurationNode, _ what: String) -> ExpectedValue? {
    switch node.content {
    case .scalar: return values.meaning(node, what).map(ExpectedValue.init)
    case .sequence(let items): return .list(items.compactMap { expectedValue($0, "an item of \(what)") })
    case .mapping(let pairs):
      if pairs.count == 1, pairs[0].key.scalarText == "between" {
        guard let ends = values.list(pairs[0].value, "'between' of \(what)", min: 2, max: 2),
          let low = values.number(ends[0], "'between' of \(what)"), let high = values.number(ends[1], "'between' of \(what)")
        else { return nil }
        guard low <= high else {
          diagnostics.error("wrong-value", at: ends[1].location, "'between' of \(what): expected the lower number first")
          return nil
        }
        return .between(low, high)
      }
      return .object(
        pairs.compactMap { pair in
          let name = pair.key.scalarText ?? ""
          return expectedValue(pair.value, "'\(name)' of \(what)").map { (name, $0) }
        })
    }
  }

  /// What goes together.
  private func check(_ expectation: TestExpectation, _ reader: MappingReader, _ view: FeatureView) {
    let subject = reader.subject!
    if !expectation.hasRow, expectation.counts.isEmpty {
      // What was misspelt has its finding already.
      guard !diagnostics.hasErrors else { return }
      diagnostics.error(
        "wrong-value", at: reader.location,
        "\(subject): expects nothing; name a feature with its value, 'absent: true', or a count such as 'late: 0'")
    }
    if expectation.isAbsent, !expectation.values.isEmpty {
      diagnostics.error(
        "wrong-value", at: reader.location, "\(subject): 'absent: true' and the value of a feature do not go together")
    }
    if expectation.hasRow, view.entity != nil, !reader.has("key") {
      diagnostics.error(
        "missing-field", at: reader.location, "missing field 'key' in \(subject); view '\(view.name)' has a row per key")
    }
    let windowName = ["window_start", "window_end"].first { reader.has($0) }
    switch view.trigger {
    case .change:
      if let windowName {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation(windowName),
          "\(subject): '\(windowName)' is for views with 'trigger: close'; '\(view.name)' has current values: use 'at'")
      }
    case .close:
      if windowName == nil, expectation.hasRow, !expectation.isAbsent {
        diagnostics.error(
          "missing-field", at: reader.location,
          "missing field 'window_start' in \(subject); view '\(view.name)' has a row per key and window")
      }
    }
    for (count, _) in expectation.counts where reader.has("key") && count != .rows && !expectation.hasRow {
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("key"), "\(subject): '\(count.rawValue)' is counted for all keys together")
    }
  }
}
