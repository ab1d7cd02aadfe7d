// Parse and window: a file of flat 12-field clicks to nothing, one core, through the worker that `freshet process` runs, against the same query
// hard-coded in C++ (`Benchmarks/WindowReference`), which runs in turns with it. The file is read from the page cache.

import Base
import Features
import Foundation
import Processing
import Records

let processBenchmark = Benchmark(name: "process") { scale in
  let file = try ClickFile(count: scale.events(2_000_000), userCount: scale.isTiny ? 1000 : 100_000)
  let tumbling = try clickPipeline(tumblingView)
  let sketched = try clickPipeline(sketchedView)
  let reference = WindowReference()
  var referenceTotals: WindowTotals?
  var least = [Double](repeating: .infinity, count: 3)
  for _ in 0..<scale.rounds {
    if let reference {
      let (seconds, totals) = try reference.run(file.path)
      least[0] = min(least[0], seconds)
      referenceTotals = totals
    }
    least[1] = min(least[1], try leastSeconds(rounds: 1, [{ try file.process(sketched) }])[0])
    least[2] = min(least[2], try leastSeconds(rounds: 1, [{ try file.process(tumbling) }])[0])
  }
  printFigure("process, 10 s tumbling per user: count, sum", seconds: least[2], events: file.count)
  printRatio("  M events/s per core", Double(file.count) / least[2] / 1e6, target: "3 or more")
  printFigure("process, the same and approx_distinct (HyperLogLog)", seconds: least[1], events: file.count)
  if let referenceTotals {
    let totals = TotallingStore()
    try file.process(sketched, to: totals)
    precondition(totals.totals.isSame(as: referenceTotals), "both answer alike: \(totals.totals), \(referenceTotals)")
    printFigure("the same hard-coded in C++ with simdjson", seconds: least[0], events: file.count)
    printRatio("  ratio to C++", least[1] / least[0], target: "at most 1.30")
  } else {
    print("  no reference in C++: .build/window-reference is not there; `make bench` builds it")
  }
}

let slidingBenchmark = Benchmark(name: "sliding") { scale in
  let file = try ClickFile(count: scale.events(2_000_000), userCount: scale.isTiny ? 1000 : 100_000)
  for (name, trigger) in [("closed windows", "close"), ("current values", "change")] {
    let pipeline = try clickPipeline(slidingView(trigger: trigger))
    let least = try leastSeconds(rounds: scale.rounds, [{ try file.process(pipeline) }])[0]
    printFigure("60 s sliding by 10 s, 4 aggregates, \(name)", seconds: least, events: file.count)
    printRatio("  M events/s per core", Double(file.count) / least / 1e6, target: "2 or more")
  }
}

/// Twenty views over one source against one of them: once each of its own page and device, and once each of nearly every event, so that every
/// event changes nearly twenty rows.
let viewsBenchmark = Benchmark(name: "views") { scale in
  let file = try ClickFile(count: scale.events(2_000_000), userCount: scale.isTiny ? 1000 : 100_000)
  for (name, condition) in [("of a page and a device", pageAndDevice), ("of nearly all events", nearlyAll)] {
    let one = try clickPipeline(manyViews(1, condition))
    let twenty = try clickPipeline(manyViews(20, condition))
    let least = try leastSeconds(rounds: scale.rounds, [{ try file.process(one) }, { try file.process(twenty) }])
    printFigure("1 view \(name), 5 min sliding by 1 min", seconds: least[0], events: file.count)
    printFigure("20 views \(name)", seconds: least[1], events: file.count)
    printRatio("  ratio of 20 views to one", least[1] / least[0], target: "less than 4")
  }
}

// MARK: - Pipelines

private let tumblingView = """
    clicks:
      entity: user
      source: clicks
      emit: { trigger: close }
      features:
        clicks: { agg: count, window: { tumbling: 10s } }
        spend:  { agg: sum, field: price, window: { tumbling: 10s } }

  """

private let sketchedView = tumblingView + "      sessions: { agg: approx_distinct, field: session_id, window: { tumbling: 10s } }\n"

private func slidingView(trigger: String) -> String {
  """
    activity:
      entity: user
      source: clicks
      emit: { trigger: \(trigger) }
      features:
        views:    { agg: count, where: "page == '/product'", window: { sliding: 60s, hop: 10s } }
        spend:    { agg: sum, field: price, window: { sliding: 60s, hop: 10s } }
        dearest:  { agg: max, field: price, window: { sliding: 60s, hop: 10s } }
        sessions: { agg: approx_distinct, field: session_id, window: { sliding: 60s, hop: 10s } }

  """
}

private func pageAndDevice(_ index: Int) -> String {
  let page = ["/home", "/search", "/product", "/cart", "/checkout"][index % 5]
  return index < 15 ? "page == '\(page)' and device == '\(["ios", "android", "web"][index / 5])'" : "page == '\(page)'"
}

private func nearlyAll(_ index: Int) -> String { "position >= \(index / 4)" }

private func manyViews(_ count: Int, _ condition: (Int) -> String) -> String {
  (0..<count).map { index in
    """
      view\(index):
        entity: user
        source: clicks
        where: "\(condition(index))"
        features:
          views: { agg: count, window: { sliding: 5m, hop: 1m } }
          spend: { agg: sum, field: price, window: { sliding: 5m, hop: 1m } }

    """
  }.joined()
}
