// The aggregates of the pipeline language: what is read from each setting, and the exact finding for each thing that is wrong with one.

import Testing
import Windowing

@testable import Features

/// The feature `spend` of the small pipeline, with this text instead of its own.
private func read(_ feature: String) -> (feature: FeatureDefinition?, findings: [String]) {
  let text = soundPipeline.replacingOccurrences(
    of: "spend: { agg: sum, field: properties.price, window: { tumbling: 1m } }",
    with: "spend: { \(feature), window: { tumbling: 1m } }")
  let (pipeline, findings) = readPipeline(text)
  return (pipeline?.views[0].features.first { $0.name == "spend" }, findings)
}

@Suite struct `Aggregates in pipelines` {
  @Test func `settings are read, and what is left out has its default`() throws {
    func parameters(_ feature: String) throws -> (AggregateFunction, AggregateParameters) {
      let (definition, findings) = read(feature)
      #expect(findings == [])
      let feature = try #require(definition)
      return (feature.function, feature.parameters)
    }
    func expect(_ feature: String, _ function: AggregateFunction, _ adjust: (inout AggregateParameters) -> Void = { _ in }) throws {
      var expected = AggregateParameters(of: function)
      adjust(&expected)
      let read = try parameters(feature)
      #expect(read.0 == function && read.1 == expected, "\(feature)")
    }
    try expect("agg: count", .count)
    try expect("agg: variance, field: properties.price", .variance)
    try expect("agg: stddev, field: properties.price, population: true", .stddev) { $0.isPopulation = true }
    try expect("agg: max, field: properties.category, type: text", .max) { $0.comparesTexts = true }
    try expect("agg: min, field: properties.price, type: number", .min)
    try expect("agg: first, field: properties.category", .first)
    try expect("agg: elapsed", .elapsed)
    try expect("agg: distinct, field: properties.product_id, limit: 500", .distinct) { $0.count = 500 }
    try expect("agg: distinct, field: properties.product_id", .distinct) { $0.count = 10_000 }
    try expect("agg: approx_distinct, field: properties.product_id, error: 0.05", .approxDistinct) { $0.error = 0.05 }
    try expect("agg: approx_distinct, field: properties.product_id", .approxDistinct) { $0.error = 0.02 }
    try expect("agg: quantile, field: properties.price, q: 0.95", .quantile) { $0.quantile = 950_000 }
    try expect("agg: quantile, field: properties.price, q: 0, error: 0.001", .quantile) {
      $0.quantile = 0
      $0.error = 0.001
    }
    try expect("agg: top_k, field: properties.category, k: 3", .topK) { $0.count = 3 }
    try expect("agg: top_k, field: properties.category, error: 0.005", .topK) { $0.error = 0.005 }
    try expect("agg: collect, field: properties.price, n: 100", .collect) { $0.count = 100 }
  }

  @Test func `defaults are of the aggregate's own type`() throws {
    #expect(read("agg: mean, field: properties.price, default: 1").feature?.defaultValue == .double(1))
    #expect(read("agg: quantile, field: properties.price, q: 0.5, default: 0").feature?.defaultValue == .double(0))
    #expect(read("agg: sum, field: properties.price, default: 1").feature?.defaultValue == .integer(1))
    #expect(read("agg: first, field: properties.category, default: none").feature?.defaultValue == .string("none"))
    #expect(read("agg: max, field: properties.category, type: text, default: \"\"").feature?.defaultValue == .string(""))
    #expect(read("agg: collect, field: properties.price, default: []").feature?.defaultValue == .string("[]"))
    let (feature, findings) = read("agg: top_k, field: properties.category, default: null")
    #expect(feature != nil && feature?.defaultValue == nil && findings == [])
  }

  @Test(
    arguments: [
      (
        "agg: median, field: properties.price",
        "19:21: error[wrong-value]: 'agg' of feature 'spend': expected an aggregate, found 'median'; did you mean 'quantile' with 'q: 0.5'?"
      ),
      (
        "agg: uniq, field: properties.price",
        "19:21: error[wrong-value]: 'agg' of feature 'spend': expected an aggregate, found 'uniq'; did you mean 'distinct'?"
      ),
      (
        "agg: var_pop, field: properties.price",
        "19:21: error[wrong-value]: 'agg' of feature 'spend': expected an aggregate, found 'var_pop'; did you mean 'variance' with 'population: true'?"
      ),
      (
        "agg: p95, field: properties.price",
        "19:21: error[wrong-value]: 'agg' of feature 'spend': expected an aggregate, found 'p95'; did you mean 'quantile' with 'q: 0.95'?"
      ),
      (
        "agg: p999, field: properties.price",
        "19:21: error[wrong-value]: 'agg' of feature 'spend': expected an aggregate, found 'p999'; did you mean 'quantile' with 'q: 0.999'?"
      ),
      (
        "agg: rate, field: properties.price",
        "19:21: error[not-built]: 'agg' of feature 'spend': 'rate' is part of the pipeline language but not built in this version; built: count, sum, min, max, mean, variance, stddev, first, last, elapsed, distinct, approx_distinct, quantile, top_k, collect"
      ),
      (
        "agg: quantile, field: properties.price",
        "19:14: error[missing-field]: missing field 'q' in feature 'spend'; 'quantile' needs it: 0.5 for the median, 0.95 for what 95 % of the values do not exceed"
      ),
      (
        "agg: quantile, field: properties.price, q: 95",
        "19:59: error[wrong-value]: 'q' of feature 'spend': expected a share from 0 to 1, as 0.95 for 95 %, found '95'; did you mean 0.95?"
      ),
      (
        "agg: quantile, field: properties.price, q: -0.5",
        "19:59: error[wrong-value]: 'q' of feature 'spend': expected a share from 0 to 1, as 0.95 for 95 %, found '-0.5'"
      ),
      (
        "agg: quantile, field: properties.price, q: 0.1234567",
        "19:59: error[wrong-value]: 'q' of feature 'spend': expected a share with at most six decimals, found '0.1234567'"
      ),
      (
        "agg: quantile, field: properties.price, q: half",
        "19:59: error[wrong-type]: 'q' of feature 'spend': expected a share from 0 to 1, as 0.95 for 95 %, found 'half'"
      ),
      (
        "agg: quantile, field: properties.price, q: 0.5, error: 0.5",
        "19:71: error[wrong-value]: 'error' of feature 'spend': expected a share from 0.001 to 0.1, as 0.02 for 2 %, found '0.5'"
      ),
      (
        "agg: approx_distinct, field: properties.price, error: 2",
        "19:70: error[wrong-value]: 'error' of feature 'spend': expected a share from 0.003 to 0.2, as 0.02 for 2 %, found '2'"
      ),
      (
        "agg: top_k, field: properties.category, k: 0",
        "19:59: error[wrong-value]: 'k' of feature 'spend': expected a whole number from 1 to 100, found '0'"
      ),
      (
        "agg: collect, field: properties.category, n: 5000",
        "19:61: error[wrong-value]: 'n' of feature 'spend': expected a whole number from 1 to 1000, found '5000'"
      ),
      (
        "agg: distinct, field: properties.category, limit: 0",
        "19:66: error[wrong-value]: 'limit' of feature 'spend': expected a whole number from 1 to 1000000, found '0'"
      ),
      (
        "agg: sum, field: properties.price, q: 0.5",
        "19:51: error[wrong-value]: 'q' of feature 'spend': 'sum' does not take it, 'quantile' does"
      ),
      (
        "agg: distinct, field: properties.price, error: 0.1",
        "19:56: error[wrong-value]: 'error' of feature 'spend': 'distinct' does not take it, 'approx_distinct', 'quantile' or 'top_k' does"
      ),
      (
        "agg: mean, field: properties.price, population: true",
        "19:52: error[wrong-value]: 'population' of feature 'spend': 'mean' does not take it, 'variance' or 'stddev' does"
      ),
      (
        "agg: elapsed, field: properties.price",
        "19:30: error[wrong-value]: 'field' of feature 'spend': 'elapsed' goes by the event times of the records and takes no field; use 'where' to choose records"
      ),
      ("agg: collect", "19:14: error[missing-field]: missing field 'field' in feature 'spend'; 'collect' needs one"),
      (
        "agg: stddev, field: properties.category",
        "19:36: error[wrong-type]: 'field' of feature 'spend': 'stddev' needs a number, and 'properties.category' of schema 'clickstream' is a text"
      ),
      (
        "agg: max, field: properties.category",
        "19:33: error[wrong-type]: 'field' of feature 'spend': 'max' needs a number, and 'properties.category' of schema 'clickstream' is a text; 'type: text' compares texts"
      ),
      (
        "agg: max, field: properties.price, type: text",
        "19:33: error[wrong-type]: 'field' of feature 'spend': 'max' needs a text, and 'properties.price' of schema 'clickstream' is a number; leave 'type: text' out"
      ),
      (
        "agg: max, field: properties.price, type: texts",
        "19:57: error[wrong-value]: 'type' of feature 'spend': expected number or text, found 'texts'; did you mean 'text'?"
      ),
      (
        "agg: collect, field: properties.price, default: 0",
        "19:64: error[wrong-type]: 'default' of feature 'spend': expected [] or null, as 'collect' gives a list, found '0'"
      ),
      (
        "agg: collect, field: properties.price, default: [1]",
        "19:64: error[wrong-type]: 'default' of feature 'spend': expected [] or null, as 'collect' gives a list, found a list"
      ),
      (
        "agg: distinct, field: properties.price, default: 0.5",
        "19:65: error[wrong-type]: 'default' of feature 'spend': expected a whole number, as 'distinct' gives, or null, found '0.5'"
      ),
      (
        "agg: max, field: properties.category, type: text, default: 1",
        "19:75: error[wrong-type]: 'default' of feature 'spend': expected a text, as 'max' gives, or null, found '1'"
      ),
    ])
  func `what is wrong with an aggregate is said in one finding`(feature: String, finding: String) {
    #expect(read(feature).findings == [finding])
  }

  @Test func `settings of an aggregate that is not understood need no finding of their own`() {
    #expect(read("agg: summ, field: properties.price, q: 3, k: x").findings.count == 1)
  }
}
