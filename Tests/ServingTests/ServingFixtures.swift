// A pipeline with every lane, and a store in memory.

import Base
import Configuration
import Features
import Foundation
import Testing

@testable import Serving

enum ServingFixtures {
  static let pipelineText = """
    version: 1
    kind: pipeline
    name: shop
    sources:
      clicks:
        kafka: { brokers: "localhost:9092", topic: clicks, group: g, key: user_id }
        event_time: { field: t, format: epoch_ms }
        watermark: { lateness: 30s }
    entities:
      user: { key: user_id, ttl: 7d }
      product: { key: product_id }
    views:
      activity:
        entity: user
        source: clicks
        lanes: [nrt, rt, batch]
        features:
          views_5m: { agg: count, where: "event == 'view'", window: { sliding: 5m, hop: 10s }, default: 0 }
          spend: { agg: sum, field: price, window: { sliding: 1h, hop: 1m } }
          last_cat: { agg: last, field: category }
          recent: { agg: collect, field: category, n: 3, default: [] }
          per_view: { expr: "spend / views_5m", on_divide_by_zero: 0.5 }
      totals:
        entity: all
        source: clicks
        lanes: [nrt]
        features:
          events: { agg: count, default: 0 }
      windows:
        entity: user
        source: clicks
        lanes: [nrt]
        emit: { trigger: close }
        features:
          n: { agg: count, window: { tumbling: 10s } }
      sales:
        entity: product
        source: clicks
        lanes: [nrt]
        features:
          views_5m: { agg: count, window: { sliding: 5m, hop: 10s }, default: 0 }
      fit:
        entity: user
        lanes: [rt]
        inputs: { amount: double, at: timestamp }
        features:
          ratio: { expr: "amount / activity.spend" }
          hour: { expr: "hour(at)" }
    services:
      ranking:
        features: [activity.views_5m, activity.spend, totals]
        max_age: { nrt: 1m }
        timeout: 300ms
      live: { features: [activity@rt] }
      nightly: { features: [activity@batch.spend], max_age: { batch: 2d } }
      checkout: { features: [fit, activity.last_cat] }
      pairs: { features: [activity.views_5m, sales] }
      overview: { features: [totals] }
    sink: { redis: { url: "redis://127.0.0.1:6379/0", layout: native, prefix: fv } }
    """

  static func pipeline() throws -> PipelineDefinition {
    let diagnostics = Diagnostics(file: "shop.yaml")
    let definition = PipelineReader.read(text: pipelineText, diagnostics: diagnostics)
    return try #require(definition, "\(diagnostics.all.map(\.description))")
  }

  static func plan() throws -> ServingPlan { try ServingPlan(pipeline()) }

  static let now: Int64 = 1_800_000_000_000
}

/// Hashes and lists by the names of the native layout, with the prefix `fv`.
final class MemoryReader: OnlineReader {
  let name = "memory"
  var hashes: [String: [String: String]] = [:]
  var lists: [String: [String]] = [:]
  var foreign: Set<String> = []
  var run: OnlineRun?
  var watermarks: [Int64?] = []
  var failure: Failure?
  private(set) var tripCount = 0

  func read(_ queries: [OnlineQuery], into answer: OnlineAnswer) throws {
    tripCount += 1
    if let failure { throw failure }
    answer.removeAll()
    func cell(_ text: String?) -> OnlineCell {
      guard let text else { return .absent }
      let start = answer.bytes.count
      answer.bytes.append(text)
      return OnlineCell(start: start, count: answer.bytes.count - start)
    }
    for query in queries {
      answer.starts.append(answer.cells.count)
      var isBatch = false
      if case .batch = query.selection.rows { isBatch = true }
      answer.runs.append(isBatch ? run : nil)
      for index in 0..<query.keys.count {
        let key = keyText(query, index)
        if case .events = query.selection.rows {
          let first = answer.elements.count
          for element in lists[key] ?? [] { answer.elements.append(cell(element)) }
          answer.cells.append(OnlineCell(start: first, count: answer.elements.count - first))
          continue
        }
        let names = query.selection.fields + OnlineSelection.Detail.allCases.map(\.fieldName)
        let first = answer.cells.count
        for name in names { answer.cells.append(cell(hashes[key]?[name])) }
        if foreign.contains(key) { answer.cells[first] = .foreign }
      }
    }
  }

  func progress(ofTopics topics: [String]) throws -> [[Int64?]] { topics.map { _ in watermarks } }

  func ping() throws { if let failure { throw failure } }

  func keyText(_ query: OnlineQuery, _ index: Int) -> String {
    let key = query.selection.isKeyed ? ":\(query.keys.text(index))" : ""
    switch query.selection.rows {
    case .current(let view): return "fv:\(view)\(key)"
    case .batch(let view): return "fv:\(view)@batch:a\(key)"
    case .events(let source, let entity): return "fv:_events:\(source):\(entity ?? "all")\(key)"
    }
  }
}
