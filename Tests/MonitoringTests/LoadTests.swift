// The search for the highest load on systems that are simulated, and what is said of what it found.

import Base
import Foundation
import Measuring
import Monitoring
import Testing

/// Runs a search; `isSustained` is the system. Returns what was found, and every load that was tried.
private func search(
  _ settings: LoadSearch.Settings, maxSteps: Int = 200, _ isSustained: (_ rate: Double, _ seconds: Double, _ at: Double) -> Bool
) -> (found: Double?, tried: [Double]) {
  var search = LoadSearch(settings)
  var action = search.first
  var tried: [Double] = []
  var clock = 0.0
  while tried.count < maxSteps {
    switch action {
    case .found(let rate): return (rate, tried)
    case .run(let rate, let seconds, _):
      tried.append(rate)
      clock += seconds
      action = search.next(isSustained: isSustained(rate, seconds, clock))
    }
  }
  Issue.record("the search does not end: \(tried)")
  return (nil, tried)
}

private let usual = LoadSearch.Settings(firstRate: 1000, highestRate: 10_000_000, stepSeconds: 10)

@Suite struct LoadSearchTests {
  @Test(arguments: [1000, 1234, 1999, 2000, 5000, 33_333, 65_536, 123_456, 999_999, 7_654_321.0])
  func `a known capacity is found within a tenth`(_ capacity: Double) throws {
    let (found, tried) = search(usual) { rate, _, _ in rate <= capacity }
    let rate = try #require(found)
    #expect(rate <= capacity && rate >= capacity * 0.9, "\(rate)")
    #expect(tried.count < 40, "\(tried)")
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func `one step in eight that fails for nothing does not mislead it`(_ seed: UInt64) throws {
    var random = Random(state: seed)
    let capacity = 50_000.0
    let (found, _) = search(usual) { rate, _, _ in rate <= capacity && random.unit() >= 0.125 }
    let rate = try #require(found, "seed \(seed)")
    #expect(rate <= capacity && rate >= capacity * 0.6, "seed \(seed): \(rate)")
  }

  @Test func `noise seldom costs more than a tenth`() {
    var near = 0
    for seed in 1...200 as ClosedRange<UInt64> {
      var random = Random(state: seed)
      let (found, _) = search(usual) { rate, _, _ in rate <= 50_000 && random.unit() >= 0.05 }
      if let found, found >= 45_000, found <= 50_000 { near += 1 }
    }
    #expect(near >= 190, "\(near)")
  }

  @Test func `a capacity that falls while it is looked for is not the one that was there before`() throws {
    // Half of it is left after two minutes.
    var last = 0.0
    let (found, _) = search(usual) { rate, _, at in
      last = 50_000 * max(0.5, 1 - at / 240)
      return rate <= last
    }
    let rate = try #require(found)
    #expect(rate <= last && rate >= last * 0.75, "\(rate) of \(last)")
  }

  @Test func `what holds for a step and not for longer is not what is sustained`() throws {
    let (found, _) = search(usual) { rate, seconds, _ in rate <= (seconds > 10 ? 40_000 : 50_000) }
    let rate = try #require(found)
    #expect(rate <= 40_000 && rate >= 36_000, "\(rate)")
  }

  @Test func `the lowest load is tried three times, and then there is none`() {
    let (found, tried) = search(usual) { _, _, _ in false }
    #expect(found == nil && tried == [1000, 1000, 1000])
  }

  @Test func `a generator that cannot go faster is not asked twice`() {
    var search = LoadSearch(usual)
    #expect(search.next(isSustained: false, isFinal: true) == .found(nil))
    #expect(search.next(isSustained: true) == .found(nil))
  }

  @Test func `the highest load that may be tried is confirmed as it is`() {
    let (found, tried) = search(LoadSearch.Settings(firstRate: 1000, highestRate: 5000, stepSeconds: 1)) { _, _, _ in true }
    #expect(found == 5000 && tried == [1000, 2000, 4000, 5000, 5000])
  }

  @Test func `nothing holds for long: the search gives up`() {
    let (found, tried) = search(usual) { rate, seconds, _ in rate <= 50_000 && seconds <= 10 }
    #expect(found == nil && tried.count < 60)
  }
}

private func step(_ asked: Double, achieved: Double? = nil, behind: Double = 1, delays: [Int64] = [], oldest: Double? = nil)
  -> LoadStep
{
  var step = LoadStep(purpose: .ramp, asked: asked, achieved: achieved ?? asked, seconds: 10, behindSchedule: behind)
  var distribution = DurationDistribution()
  for delay in delays { distribution.insert(nanoseconds: delay * 1_000_000) }
  step.freshness = MonitorSnapshot.Percentiles(distribution)
  step.oldestUnderWay = oldest
  return step
}

@Suite struct LoadStepTests {
  private let objective = LoadObjective(percentile: 99, milliseconds: 500)
  private let level: [(seconds: Double, records: Int64)] = (0..<40).map { (Double($0) / 4, $0 % 2 == 0 ? 100 : 2100) }

  @Test func `as much as asked, in time, with a lag that stays, is sustained`() {
    var step = step(10_000, delays: [100, 200, 300])
    step.judge(objective, lags: level)
    #expect(step.isSustained && step.reasons.isEmpty && step.lagAfter == 2100)
  }

  @Test func `a lag that grows is not`() {
    var step = step(10_000, delays: [100])
    step.judge(objective, lags: (0..<40).map { (Double($0) / 4, Int64($0) * 250) })
    #expect(step.reasons == ["the lag grew by 1000 records/s, to 9750"])
  }

  @Test func `nor is freshness over the objective`() {
    var step = step(10_000, delays: [100, 600])
    step.judge(objective, lags: level)
    #expect(step.reasons == ["p99 was 600 ms, over 500 ms"])
  }

  @Test func `nor is a marker that does not come back`() {
    var one = step(10_000, delays: [100], oldest: 4200)
    one.judge(objective, lags: level)
    #expect(one.reasons == ["a marker has been under way for 4200 ms"])
    var none = step(10_000)
    none.judge(objective, lags: level)
    #expect(none.reasons == ["no marker came back"])
  }

  @Test func `a generator behind its schedule is said to be the limit`() {
    var step = step(10_000, achieved: 8000, behind: 900, delays: [100])
    step.judge(objective, lags: level)
    #expect(
      step.isGeneratorLimit && step.reasons.count == 1 && step.reasons[0].contains("the generator, or the broker, is the limit"))
    var short = self.short
    short.judge(objective, lags: level)
    #expect(!short.isGeneratorLimit && short.reasons == ["80 % of the load was delivered to the topic"])
  }

  private var short: LoadStep { step(10_000, achieved: 8000, delays: [100]) }

  @Test func `young markers under way say nothing, old ones count`() {
    var report = ProbeReport(view: "v")
    let histogram = DurationHistogram()
    for _ in 0..<10 { histogram.record(nanoseconds: 100_000_000) }
    let before = ProbeReport(view: "v")
    report.delay = histogram.distribution
    report.agesInFlight = [1_000_000, 5_000_000_000]
    let delays = report.delays(since: before)
    #expect(delays.count == 11 && delays.maxNanoseconds == 5_000_000_000)
    // Nothing has come since then: only what is under way.
    #expect(report.delays(since: report).count == 2)
  }
}

@Suite struct LoadReportTests {
  private var report: LoadReport {
    var report = LoadReport(
      subject: "pipeline <shop> & \"co\"", watched: "redis://127.0.0.1:6379, view v", startedAt: 1_767_607_200_000,
      objective: LoadObjective(percentile: 99, milliseconds: 500))
    for (rate, delay) in [(1000.0, 110), (2000, 120), (4000, 150), (8000, 900)] as [(Double, Int64)] {
      var step = step(rate, delays: [delay / 2, delay])
      step.judge(report.objective, lags: (0..<8).map { (Double($0), 10) })
      report.steps.append(step)
    }
    var last = report.steps[2]
    last.purpose = .confirm
    last.seconds = 20
    report.steps.append(last)
    report.highestSustained = 4000
    report.isConfirmed = true
    return report
  }

  @Test func `the table has a line per step, and a sentence at the end`() {
    let lines = report.text.split(separator: "\n")
    #expect(lines.count == 7)
    #expect(lines[1] == "     1k/s     1k/s    55 ms   110 ms   110 ms   110 ms       10  sustained")
    #expect(lines[5].hasSuffix("sustained, confirmed"))
    #expect(lines[6] == "highest sustained load: 4k/s, confirmed for 20 s; at 8k/s: p99 was 900 ms, over 500 ms")
  }

  @Test func `an end before the end is said`() {
    var ended = report
    ended.isConfirmed = false
    ended.isInterrupted = true
    #expect(ended.conclusion.hasPrefix("highest sustained load: 4k/s, not confirmed: the test was ended"))
    ended.highestSustained = nil
    #expect(ended.conclusion == "ended before any load was found to be sustained")
    ended.isInterrupted = false
    ended.steps = [ended.steps[3]]
    #expect(ended.conclusion == "not even 8k/s is sustained: p99 was 900 ms, over 500 ms")
  }

  @Test func `JSON holds it all`() throws {
    let data = try MonitoringJSON.data(of: report)
    #expect(try MonitoringJSON.decode(LoadReport.self, from: data) == report)
  }

  @Test func `the page is well formed, holds the figures and needs nothing else`() throws {
    let page = report.page
    for text in [
      "4k/s, confirmed for 20 s", "p99 at 8k/s: 900 ms", "<td>150 ms</td>", "prefers-color-scheme:dark", "p99 &lt;= 500 ms",
    ] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(page.contains("pipeline &lt;shop&gt; &amp; &quot;co&quot;") && !page.contains("<shop>"))
    #expect(!page.contains("<script") && !page.contains("http://") && !page.contains("https://") && !page.contains("url("))
    // Every element but those that stand alone in HTML ends where it should; SVG must be XML.
    var open: [Substring] = []
    for match in page.matches(of: /<(\/?)([a-z0-9]+)[^>]*?(\/?)>/) {
      let (_, slash, name, alone) = match.output
      if !slash.isEmpty { #expect(open.popLast() == name) } else if alone.isEmpty, name != "meta" { open.append(name) }
    }
    #expect(open.isEmpty)
    for svg in page.matches(of: /<svg.*?<\/svg>/) {
      let parser = XMLDocumentCheck(String(svg.output))
      #expect(parser.isWellFormed)
    }
    #expect(!page.contains("nan") && !page.contains("inf\""))
  }

  @Test func `a report of nothing is a page as well`() {
    let empty = LoadReport(subject: "s", watched: "w", startedAt: 0, objective: LoadObjective(percentile: 99, milliseconds: 1))
    #expect(empty.page.contains("No marker came back."))
    var single = empty
    single.steps = [step(1000)]
    #expect(single.page.contains("<td>1k/s</td>"))
  }
}

/// Whether a text is an XML document, by a stack of its tags and a look at its attributes.
private struct XMLDocumentCheck {
  let isWellFormed: Bool

  init(_ text: String) {
    let tag = /<[a-z]+(?: [a-zA-Z0-9:-]+="[^"<]*")*\/?>|<\/[a-z]+>/
    let rest = text.replacing(tag, with: "")
    isWellFormed = !rest.contains("<") && !rest.contains(">")
  }
}
