// GlassGen's configuration, as strict as its own reader: unknown names are refused at every level. The schema's generators are in
// `GlassGenGenerators`; sink and generator become the defaults of a run, duplication a fault.

import Base
import Configuration

struct GlassGenConverter {
  let values: ValueReader
  private var diagnostics: Diagnostics { values.diagnostics }

  init(_ diagnostics: Diagnostics) { values = ValueReader(diagnostics, language: "GlassGen configuration") }

  /// What `generator` says.
  private struct Pace {
    var perSecond: Int64 = 0
    var recordCount: Int64 = 100
    var duplication: Duplication?
  }

  private struct Duplication {
    var ratio: Double
    var windowMilliseconds: Int64
    var keyField: String
    var origin: SourceLocation
  }

  func convert(_ root: ConfigurationNode, name: String) -> ForeignSchema? {
    guard let reader = MappingReader(root, nil, values) else { return nil }
    let schema = reader.required("schema")
    let sink = reader.node("sink")
    let generator = reader.required("generator")
    reader.finish()
    let fields = schema.flatMap { MappingReader($0, "'schema'", values) }.map { self.fields($0, path: []) } ?? []
    var run = RunDefaults()
    if let sink { readSink(sink, &run) }
    let pace = generator.map { readGenerator($0, schema: schema) } ?? Pace()
    guard !diagnostics.hasErrors, let schema else { return nil }
    if fields.isEmpty {
      values.mismatch(schema, "'schema'", expected: "at least one field", code: "wrong-value")
      return nil
    }
    return finished(fields, run, pace, name)
  }

  private func finished(_ fields: [DocumentEntry], _ run: RunDefaults, _ pace: Pace, _ name: String) -> ForeignSchema {
    var run = run
    if pace.recordCount >= 0 { run.count = String(pace.recordCount) }
    var rate = DocumentEntry("rate", .word("\(pace.perSecond)/s"))
    if pace.perSecond > 0 {
      run.rate = "\(pace.perSecond)/s"
    } else {
      rate = DocumentEntry(
        "rate", .word("1k/s"), comments: ["rps 0: as fast as the sink takes them; this is the rate of event time."])
    }
    var document = StreamDocument(name: StreamDocument.identifier(name), rate: rate, fields: fields)
    document.isSimulated = pace.perSecond == 0
    if let duplication = pace.duplication { document.faults = Self.faults(duplication, perSecond: pace.perSecond) }
    if let to = run.to, to.hasPrefix("kafka://"), let topic = to.split(separator: "/").last {
      document.output = [DocumentEntry("topic", .text(String(topic)))]
    }
    if run.format == "csv" { document.output.append(DocumentEntry("format", .word("csv"))) }
    let options = run.optionsText
    let heading = [
      "From a GlassGen configuration. Run it with:", "  freshet generate FILE" + (options.isEmpty ? "" : " " + options),
    ]
    return ForeignSchema(.glassGen, heading: heading, document: document.node, run: run)
  }

  /// GlassGen repeats one of the last 1000 records inside the window, so a repetition comes at most that much later.
  private static func faults(_ duplication: Duplication, perSecond: Int64) -> DocumentEntry {
    let lastThousand = 1_000_000 / max(1, perSecond == 0 ? 1000 : perSecond)
    let delay = max(1, min(duplication.windowMilliseconds, lastThousand))
    let duplicate = DocumentNode.mapping([
      "rate": .number(duplication.ratio),
      "delay": .mapping(["uniform": .list([.word("0ms"), .word(Units.durationText(milliseconds: delay))])]),
    ])
    var entry = DocumentEntry(
      "faults", DocumentNode(.mapping([DocumentEntry("duplicate", duplicate)]), origin: duplication.origin, isBlock: true))
    entry.comments = [
      "Whole records again, at most \(Units.durationText(milliseconds: delay)) later: the last 1000 inside \(Units.durationText(milliseconds: duplication.windowMilliseconds)).",
      "GlassGen's key_field '\(duplication.keyField)' only names what its duplicates share.",
    ]
    return entry
  }

  // MARK: - The schema

  private func fields(_ reader: MappingReader, path: [String]) -> [DocumentEntry] {
    reader.pairs.compactMap { pair in
      let path = path + [pair.name]
      let subject = "field '\(path.joined(separator: "."))'"
      switch pair.value.content {
      case .mapping(let pairs):
        guard !pairs.isEmpty else {
          diagnostics.error("wrong-value", at: pair.value.location, "\(subject): expected at least one field in it, found none")
          return nil
        }
        guard let nested = MappingReader(pair.value, subject, values) else { return nil }
        var sketch = FieldSketch.object(fields(nested, path: path))
        sketch.origin = pair.value.location
        return sketch.entry(pair.name, origin: pair.key.location)
      case .scalar(let scalar) where scalar.isQuoted || scalar.text.hasPrefix("$"):
        let generators = GlassGenGenerators(diagnostics, subject, pair.value.location)
        guard var sketch = generators.sketch(scalar.text) else { return nil }
        sketch.origin = pair.value.location
        return sketch.entry(pair.name, origin: pair.key.location)
      default:
        values.mismatch(pair.value, subject, expected: "a generator such as \"$name\", or nested fields")
        return nil
      }
    }
  }

  // MARK: - Sink and generator

  private func readSink(_ node: ConfigurationNode, _ run: inout RunDefaults) {
    guard let reader = MappingReader(node, "'sink'", values) else { return }
    let type = reader.required("type").flatMap {
      values.name($0, "'type' of 'sink'", among: ["csv", "ndjson", "kafka", "webhook", "yield"])
    }
    let parameters = reader.node("params").flatMap { $0.isNull ? nil : MappingReader($0, "'params' of 'sink'", values) }
    reader.finish()
    guard let type else { return }
    let required = ["csv": ["path"], "ndjson": ["path"], "kafka": ["bootstrap.servers", "topic"], "webhook": ["url"]][type] ?? []
    guard let parameters else {
      if type == "yield" { run.to = "stdout" }
      if !required.isEmpty, !reader.has("params") || reader.node("params")?.isNull == true {
        diagnostics.error(
          "missing-field", at: node.location, "a sink of type '\(type)' needs 'params' with \(ValueReader.listed(required))")
      }
      return
    }
    var found: [String: String] = [:]
    for name in required {
      found[name] = parameters.required(name).flatMap { values.string($0, parameters.what(name)) }
    }
    switch type {
    case "csv":
      run.to = found["path"].map { "file:\($0)" }
      run.format = "csv"
    case "ndjson": run.to = found["path"].map { "file:\($0)" }
    case "kafka":
      if let servers = found["bootstrap.servers"], let topic = found["topic"] {
        run.to = "kafka://\(servers.filter { $0 != " " })/\(topic)"
      }
      for pair in parameters.pairs where !required.contains(pair.name) {
        _ = parameters.node(pair.name)
        guard let text = pair.value.scalarText else {
          values.mismatch(pair.value, parameters.what(pair.name), expected: "a value for librdkafka")
          continue
        }
        run.properties.append("\(pair.name)=\(text)")
      }
    case "webhook":
      run.to = found["url"]
      for name in ["headers", "timeout"] {
        guard let node = parameters.node(name) else { continue }
        if case .mapping(let pairs) = node.content, pairs.isEmpty { continue }
        diagnostics.warning("no-equivalent", at: parameters.keyLocation(name), "\(parameters.what(name)) is not taken over")
      }
    default: run.to = "stdout"
    }
    parameters.finish()
  }

  private func readGenerator(_ node: ConfigurationNode, schema: ConfigurationNode?) -> Pace {
    var pace = Pace()
    guard let reader = MappingReader(node, "'generator'", values) else { return pace }
    if let rate = reader.integer("rps", in: 0...1_000_000_000) { pace.perSecond = rate }
    if let count = reader.integer("num_records", in: -1 ... .max) { pace.recordCount = count }
    _ = reader.integer("bulk_size", in: 0 ... .max)
    if let options = reader.mapping("event_options") {
      if let node = options.node("duplication"), !node.isNull { pace.duplication = duplication(node, schema) }
      options.finish()
    }
    reader.finish()
    return pace
  }

  private func duplication(_ node: ConfigurationNode, _ schema: ConfigurationNode?) -> Duplication? {
    guard let reader = MappingReader(node, "'duplication'", values) else { return nil }
    let isEnabled = reader.required("enabled").flatMap { values.bool($0, reader.what("enabled")) }
    let ratio = reader.required("ratio").flatMap {
      values.number($0, reader.what("ratio"), expected: "a number from 0 to 1") { (0...1).contains($0) }
    }
    let keyNode = reader.required("key_field")
    let key = keyNode.flatMap { values.string($0, reader.what("key_field")) }
    var window: Int64? = 3_600_000
    if let node = reader.node("time_window") { window = values.duration(node, reader.what("time_window")) }
    reader.finish()
    guard let isEnabled, let ratio, let key, let keyNode, let window else { return nil }
    guard isEnabled else { return nil }
    if let schema, !Self.hasField(key.split(separator: ".", omittingEmptySubsequences: false)[...], in: schema) {
      let paths = Self.paths(schema, prefix: "")
      diagnostics.error(
        "unknown-reference", at: keyNode.location,
        "\(reader.what("key_field")): no field '\(key)' in the schema" + Suggestion.hint(for: key, among: paths))
      return nil
    }
    guard ratio > 0 else { return nil }
    return Duplication(ratio: ratio, windowMilliseconds: window, keyField: key, origin: node.location)
  }

  private static func hasField(_ path: ArraySlice<Substring>, in node: ConfigurationNode) -> Bool {
    guard case .mapping(let pairs) = node.content, let first = path.first,
      let value = pairs.first(where: { $0.key.scalarText == String(first) })?.value
    else {
      return false
    }
    return path.count == 1 || hasField(path.dropFirst(), in: value)
  }

  private static func paths(_ node: ConfigurationNode, prefix: String) -> [String] {
    guard case .mapping(let pairs) = node.content else { return [] }
    return pairs.flatMap { pair in
      let path = prefix + (pair.key.scalarText ?? "")
      return [path] + paths(pair.value, prefix: path + ".")
    }
  }
}

extension ValueReader {
  /// `'a' and 'b'`
  static func listed(_ names: [String]) -> String { names.map { "'\($0)'" }.joined(separator: " and ") }
}
