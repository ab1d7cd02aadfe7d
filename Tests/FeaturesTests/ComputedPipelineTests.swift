// Computed fields, keys and inputs of a pipeline, and features made of features: what is read, and the exact findings.

import Configuration
import Foundation
import Records
import Testing

@testable import Features

/// A pipeline that computes fields, a key, an input and features.
let computedPipeline = """
  kind: pipeline
  name: shop
  sources:
    clicks:
      schema: clickstream.yaml
      event_time: { field: timestamp }
      fields:
        day: "date_trunc('day', timestamp)"
        dear: "properties.price > 100"
        tax: "properties.price * 0.19"
        gross: "properties.price + tax"
  entities:
    user: { key: userId }
    hourly: { key: { expr: "concat(userId, ':', hour(timestamp))" } }
  views:
    activity:
      entity: user
      source: clicks
      where: "not dear"
      features:
        spend: { agg: sum, field: gross, window: { tumbling: 1m } }
        net: { agg: sum, field: { expr: "round(gross - tax, 2)" }, window: { tumbling: 1m } }
        ratio: { expr: "net / total", on_divide_by_zero: 0 }
        total: { expr: "spend + net", default: 0 }
    hours:
      entity: hourly
      source: clicks
      features:
        n: { agg: count, where: "day > 0" }

  """

@Suite struct ComputedPipelineTests {
  @Test func `computed fields, keys, inputs and features are read`() throws {
    let result = readPipeline(computedPipeline)
    #expect(result.findings == [])
    let definition = try #require(result.pipeline)
    #expect(
      definition.sources[0].computedFields.map(\.path.description) == [
        "day", "dear", "tax", "gross", "(round(gross - tax, 2))", "(concat(userId, ':', hour(timestamp)))",
      ])
    #expect(definition.entities.map(\.keyFieldName) == ["userId", "hourly"])
    #expect(definition.entities[1].keyPath == FieldPath(["(concat(userId, ':', hour(timestamp)))"]))
    let features = definition.views[0].features
    #expect(features.map(\.name) == ["spend", "net", "ratio", "total"])
    #expect(definition.views[0].aggregates.map(\.name) == ["spend", "net"])
    #expect(features[1].field == FieldPath(["(round(gross - tax, 2))"]))
    #expect(features[2].derivation?.onDivisionByZero == .integer(0))
    #expect(features[3].derivedExpression == .call(.coalesce, [features[3].derivation!.expression, .literal(.integer(0))]))
  }

  @Test(
    arguments: [
      (
        "dear: \"properties.price > 100\"", "userId: \"'x'\"",
        "9:7: error[wrong-value]: 'userId' of 'fields' of source 'clicks': schema 'clickstream' has a field of this name already; give the computed one another"
      ),
      (
        "properties.price * 0.19", "tax * 2",
        "10:13: error[wrong-value]: 'tax' of 'fields' of source 'clicks' refers to itself; give the computed field another name"
      ),
      (
        "properties.price * 0.19", "gross * 2",
        "10:13: error[wrong-value]: 'tax' of 'fields' of source 'clicks': 'gross' is computed further down; move it up"
      ),
      (
        "properties.price * 0.19", "properties.prise * 0.19",
        "10:13: error[unknown-reference]: 'tax' of 'fields' of source 'clicks': no event of schema 'clickstream' has a field 'properties.prise'; did you mean 'properties.price'?"
      ),
      (
        "properties.price + tax", "properties.price + lower(day)",
        "11:40: error[expression]: 'gross' of 'fields' of source 'clicks': 'lower' takes a string, and 'day' is a number"
      ),
      (
        "\"not dear\"", "\"not deer\"",
        "19:17: error[unknown-reference]: 'where' of view 'activity': no event of schema 'clickstream' has a field 'deer'"
      ),
      (
        "\"not dear\"", "\"dear > 5\"",
        "19:18: error[expression]: 'where' of view 'activity': '>' orders numbers and strings, not true and false"
      ),
      (
        "\"not dear\"", "\"event > 5\"",
        "19:19: error[expression]: 'where' of view 'activity': a string is never comparable with a number"
      ),
      (
        "sum, field: gross", "sum, field: grsos",
        "21:33: error[unknown-reference]: 'field' of feature 'spend': no event of schema 'clickstream' has a field 'grsos'"
      ),
      (
        "sum, field: gross", "sum, field: dear",
        "21:33: error[wrong-type]: 'field' of feature 'spend': 'sum' needs a number, and the expression gives a boolean"
      ),
      (
        "{ expr: \"round(gross - tax, 2)\" }", "{ expr: \"lower(event)\" }",
        "22:31: error[wrong-type]: 'field' of feature 'net': 'sum' needs a number, and the expression gives a string"
      ),
      (
        "{ expr: \"round(gross - tax, 2)\" }", "{ exp: \"gross\" }",
        "22:33: error[unknown-field]: unknown field 'exp' in 'field' of feature 'net'; did you mean 'expr'?"
      ),
      (
        "\"concat(userId, ':', hour(timestamp))\"", "\"properties.price / 2\"",
        "14:26: error[wrong-type]: 'key' of entity 'hourly': the expression gives a number, neither a text nor an integer"
      ),
      (
        "\"concat(userId, ':', hour(timestamp))\"", "\"concat(userid, ':')\"",
        "14:34: error[unknown-reference]: 'key' of entity 'hourly': no event of schema 'clickstream' has a field 'userid'; did you mean 'userId'?"
      ),
      (
        "\"concat(userId, ':', hour(timestamp))\"", "\"concat(\"",
        "14:34: error[expression]: 'key' of entity 'hourly': expected a field or a literal, found the end of the expression"
      ),
      (
        "key: userId", "key: dear",
        "13:16: error[wrong-type]: 'key' of entity 'user': the expression gives a boolean, neither a text nor an integer"
      ),
      (
        "net / total", "net / totl",
        "23:29: error[unknown-reference]: 'expr' of feature 'ratio': the view has no feature 'totl'; did you mean 'total'?"
      ),
      ("net / total", "net / ratio", "23:29: error[wrong-value]: 'expr' of feature 'ratio' refers to itself"),
      (
        "spend + net", "spend + ratio",
        "23:22: error[wrong-value]: 'expr' of feature 'ratio': features refer to each other in a circle: ratio -> total -> ratio"
      ),
      (
        "net / total", "lower(total)",
        "23:29: error[expression]: 'expr' of feature 'ratio': 'lower' takes a string, and 'total' is a number"
      ),
      (
        "net / total", "activity.net",
        "23:23: error[unknown-reference]: 'expr' of feature 'ratio': the view has no feature 'activity.net'"
      ),
      (
        "expr: \"spend + net\"", "expr: \"spend + net\", agg: sum",
        "24:37: error[wrong-value]: 'agg' of feature 'total': a feature with 'expr' is made of other features and has no 'agg' of its own"
      ),
      (
        "n: { agg: count, where: \"day > 0\" }", "n: { expr: \"1 + 1\" }",
        "29:18: error[wrong-value]: 'expr' of feature 'n': the view has no feature with 'agg', of which others could be made"
      ),
    ] as [(String, String, String)])
  func `what does not fit is said with its place`(_ old: String, _ new: String, _ expected: String) throws {
    try #require(computedPipeline.contains(old))
    #expect(
      readPipeline(computedPipeline.replacingOccurrences(of: old, with: new)).findings.contains(expected),
      "\(readPipeline(computedPipeline.replacingOccurrences(of: old, with: new)).findings)")
  }

  @Test func `a key that is an expression needs its topic repartitioned`() throws {
    let text = computedPipeline.replacingOccurrences(
      of: "    event_time:", with: "    kafka: { brokers: \"localhost:9092\", topic: clicks, group: g }\n    event_time:")
    let pipeline = try #require(readPipeline(text).pipeline)
    let hours = try #require(pipeline.views.firstIndex { $0.name == "hours" })
    #expect(
      pipeline.expectedRepartitionings(ofSource: 0) == [
        Repartitioning(source: 0, entity: pipeline.views[hours].entity, views: [hours])
      ])
  }

  @Test func `an expression that is a field is that field`() throws {
    let text = computedPipeline.replacingOccurrences(of: "key: userId", with: "key: { expr: userId }")
      .replacingOccurrences(of: "sum, field: gross", with: "sum, field: { expr: properties.price }")
    let definition = try #require(readPipeline(text).pipeline)
    #expect(definition.entities[0].keyPath == FieldPath(["userId"]) && definition.entities[0].keyFieldName == "userId")
    #expect(definition.views[0].features[0].field == FieldPath(["properties", "price"]))
  }
}
