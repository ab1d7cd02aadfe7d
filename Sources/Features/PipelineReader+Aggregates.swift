// The aggregate of a feature: its name, the settings that belong to it, the kind of field it needs and the kind of default it takes.

import Base
import Configuration
import Records
import Schema
import Windowing

/// What `agg:` and its settings say.
struct ReadAggregate {
  var function: AggregateFunction
  var parameters: AggregateParameters
}

extension PipelineReader {
  private static let aggregatesNotBuilt = ["rate"]
  /// Every setting of an aggregate, with those that take it.
  private static let settings: [(name: String, functions: [AggregateFunction])] = [
    ("q", [.quantile]), ("k", [.topK]), ("n", [.collect]), ("limit", [.distinct]), ("error", [.approxDistinct, .quantile, .topK]),
    ("population", [.variance, .stddev]), ("type", [.min, .max]),
  ]
  static let aggregateSettings = settings.map(\.name)
  /// What other programs call them.
  private static let otherNames = [
    "avg": "mean", "average": "mean", "median": "quantile' with 'q: 0.5", "percentile": "quantile", "uniq": "distinct",
    "unique": "distinct", "nunique": "distinct", "count_distinct": "distinct", "approx_count_distinct": "approx_distinct",
    "hll": "approx_distinct", "var": "variance", "var_samp": "variance", "var_pop": "variance' with 'population: true",
    "std": "stddev", "stdev": "stddev", "stddev_samp": "stddev", "stddev_pop": "stddev' with 'population: true",
    "mode": "top_k' with 'k: 1", "list": "collect", "array_agg": "collect", "duration": "elapsed", "latest": "last",
    "earliest": "first",
  ]

  /// Nil, with findings, where there is none that is understood.
  func readAggregate(_ reader: MappingReader) -> ReadAggregate? {
    guard let node = reader.has("expr") && !reader.has("agg") ? reader.node("agg") : reader.required("agg") else { return nil }
    if let text = node.scalarText, let meant = Self.otherNames[text] ?? Self.percentile(text) {
      values.mismatch(node, reader.what("agg"), expected: "an aggregate", code: "wrong-value", hint: "; did you mean '\(meant)'?")
      return nil
    }
    let read = values.oneOf(node, reader.what("agg"), AggregateFunction.self, notBuilt: Self.aggregatesNotBuilt)
    guard let function = read else { return nil }
    return ReadAggregate(function: function, parameters: readParameters(of: function, reader))
  }

  /// `p95` is what many call the quantile of 0.95.
  private static func percentile(_ text: String) -> String? {
    guard text.hasPrefix("p"), text.dropFirst().count >= 2, text.dropFirst().allSatisfy(\.isWholeNumber) else { return nil }
    return "quantile' with 'q: 0.\(text.dropFirst())"
  }

  private func readParameters(of function: AggregateFunction, _ reader: MappingReader) -> AggregateParameters {
    var parameters = AggregateParameters(of: function)
    for setting in Self.settings where reader.has(setting.name) {
      guard let node = reader.node(setting.name) else { continue }
      guard setting.functions.contains(function) else {
        let takers = ValueReader.alternatives(setting.functions.map { "'\($0.rawValue)'" })
        diagnostics.error(
          "wrong-value", at: reader.keyLocation(setting.name),
          "\(reader.what(setting.name)): '\(function.rawValue)' does not take it, \(takers) does")
        continue
      }
      let what = reader.what(setting.name)
      switch setting.name {
      case "q": readQuantile(node, what).map { parameters.quantile = $0 }
      case "error": readError(node, what, in: AggregateParameters.errorRange(of: function)).map { parameters.error = $0 }
      case "population": parameters.isPopulation = values.bool(node, what) ?? false
      case "type": parameters.comparesTexts = values.oneOf(node, what, ComparedType.self) == .text
      default:
        let count = values.integer(node, what, in: AggregateParameters.countRange(of: function))
        count.map { parameters.count = Int32($0) }
      }
    }
    if function == .quantile, !reader.has("q") {
      reader.reportMissing("q", hint: "; 'quantile' needs it: 0.5 for the median, 0.95 for what 95 % of the values do not exceed")
    }
    return parameters
  }

  /// In millionths.
  private func readQuantile(_ node: ConfigurationNode, _ what: String) -> Int32? {
    let number = values.number(node, what, expected: "a share from 0 to 1, as 0.95 for 95 %")
    guard let number else { return nil }
    guard (0...1).contains(number) else {
      let isPercent = number > 1 && number <= 100
      values.mismatch(
        node, what, expected: "a share from 0 to 1, as 0.95 for 95 %", code: "wrong-value",
        hint: isPercent ? "; did you mean \(number / 100)?" : "")
      return nil
    }
    let millionths = (number * 1_000_000).rounded()
    guard abs(millionths / 1_000_000 - number) < 1e-12 else {
      values.mismatch(node, what, expected: "a share with at most six decimals", code: "wrong-value")
      return nil
    }
    return Int32(millionths)
  }

  /// An error as a share: 0.02 for 2 %.
  private func readError(_ node: ConfigurationNode, _ what: String, in range: ClosedRange<Double>) -> Double? {
    values.number(node, what, expected: "a share from \(range.lowerBound) to \(range.upperBound), as 0.02 for 2 %") {
      range.contains($0)
    }
  }

  // MARK: - Fields

  /// Whether the aggregate can do without a field; with a finding where it has one that it has no use for.
  func checkFieldPresence(_ aggregate: ReadAggregate, _ field: ConfigurationNode?, _ reader: MappingReader) {
    switch aggregate.function {
    case .count: break
    case .elapsed:
      guard field != nil else { return }
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("field"),
        "\(reader.what("field")): 'elapsed' goes by the event times of the records and takes no field; use 'where' to choose records"
      )
    default:
      if field == nil { reader.reportMissing("field", hint: "; '\(aggregate.function.rawValue)' needs one") }
    }
  }

  /// The field against the schema: it has to be there, and hold what the aggregate takes.
  func checkField(
    _ field: FieldPath, _ node: ConfigurationNode, _ aggregate: ReadAggregate?, _ schema: EventSchema, _ reader: MappingReader
  ) {
    guard checkField(field, in: schema, at: node.location, reader.what("field")), let aggregate else { return }
    guard let kinds = schema.kinds(at: field.components), let expected = aggregate.fieldKinds, kinds.isDisjoint(with: expected)
    else {
      return
    }
    let needed = expected.contains(.string) ? "a text" : "a number"
    let isExtreme = aggregate.function == .min || aggregate.function == .max
    let hint =
      isExtreme && kinds.contains(.string)
      ? "; 'type: text' compares texts" : isExtreme && expected.contains(.string) ? "; leave 'type: text' out" : ""
    diagnostics.error(
      "wrong-type", at: node.location,
      "\(reader.what("field")): '\(aggregate.function.rawValue)' needs \(needed), and '\(field)' of schema '\(schema.name)' is \(Self.text(of: kinds))\(hint)"
    )
  }

  /// What an aggregate takes, against what is known of a field of the Avro schema or of a record's metadata.
  func checkReadInput(_ field: FieldPath, _ node: ConfigurationNode, _ aggregate: ReadAggregate?, _ reader: MappingReader) {
    let type = fieldType(of: field, nil)
    guard let aggregate, let expected = aggregate.fieldKinds, !type.isEmpty, type.isDisjoint(with: ExpressionType(expected)) else {
      return
    }
    let needed = expected.contains(.string) ? "a text" : "a number"
    let isExtreme = aggregate.function == .min || aggregate.function == .max
    let hint =
      isExtreme && type == .string
      ? "; 'type: text' compares texts" : isExtreme && expected.contains(.string) ? "; leave 'type: text' out" : ""
    let owner = field.isMetadata ? "" : " of the Avro schema"
    diagnostics.error(
      "wrong-type", at: node.location,
      "\(reader.what("field")): '\(aggregate.function.rawValue)' needs \(needed), and '\(field)'\(owner) is \(type == .string ? "a text" : type.phrase)\(hint)"
    )
  }

  private static func text(of kinds: Set<GeneratedKind>) -> String {
    if kinds.contains(.object) { return "an object" }
    if kinds.contains(.string) { return "a text" }
    if !kinds.isDisjoint(with: [.integer, .double]) { return "a number" }
    return kinds.contains(.bool) ? "true or false" : "null"
  }

  // MARK: - Defaults

  /// The value of an empty window, which has to be of the aggregate's own type; an empty list is its JSON text.
  func defaultValue(_ node: ConfigurationNode, _ aggregate: ReadAggregate, _ reader: MappingReader) -> Scalar? {
    let what = reader.what("default")
    if aggregate.resultType == .list {
      if case .sequence(let items) = node.content, items.isEmpty { return .string("[]") }
      if case .scalar(let scalar) = node.content, ScalarMeaning(scalar) == .null { return nil }
      values.mismatch(node, what, expected: "[] or null, as '\(aggregate.function.rawValue)' gives a list")
      return nil
    }
    guard let value = values.meaning(node, what).map(Scalar.init) else { return nil }
    switch (aggregate.resultType, value) {
    case (_, .null): return nil
    case (.any, _), (.text, .string), (.integer, .integer), (.number, .integer), (.number, .double), (.double, .double):
      return value
    case (.double, .integer(let integer)): return .double(Double(integer))
    case (let type, _):
      values.mismatch(node, what, expected: "\(type.rawValue), as '\(aggregate.function.rawValue)' gives, or null")
      return nil
    }
  }
}

private enum ComparedType: String, CaseIterable {
  case number
  case text
}

/// What a value of an aggregate is.
private enum ResultType: String {
  case integer = "a whole number"
  case double = "a number"
  case number = "an integer or a double"
  case text = "a text"
  case any = "a value"
  case list = "a list"
}

extension ReadAggregate {
  /// Nil where any kind will do.
  var fieldKinds: Set<GeneratedKind>? {
    switch function {
    case .sum, .mean, .variance, .stddev, .quantile: [.integer, .double]
    case .min, .max: parameters.comparesTexts ? [.string] : [.integer, .double]
    case .count, .first, .last, .elapsed, .distinct, .approxDistinct, .topK, .collect: nil
    }
  }

  fileprivate var resultType: ResultType {
    switch function {
    case .count, .elapsed, .distinct, .approxDistinct: .integer
    case .sum: .number
    case .min, .max: parameters.comparesTexts ? .text : .number
    case .mean, .variance, .stddev, .quantile: .double
    case .first, .last: .any
    case .topK, .collect: .list
    }
  }
}
