// Forecasts against what a worker on memory really holds and writes: keys drawn evenly, records at random.

import Base
import Features
import Foundation
import Processing
import Testing

@Suite struct PipelineForecastTests {
  @Test func `state and rows are those of a run with evenly drawn keys`() throws {
    let definition = pipeline(
      [
        view(
          "now", .change, every: 1000,
          [
            feature("a", .count, window: .sliding(size: 20_000, hop: 2000)),
            feature("b", .sum, "v", window: .tumbling(size: 10_000)),
            feature("c", .last, "v", window: .unbounded),
          ]), view("rows", .close, [feature("n", .count, window: .sliding(size: 8000, hop: 4000))]),
      ], lateness: 3000)
    let (keyCount, rate, seconds) = (300, 40.0, 60)
    let plan = try ProcessingPlan(definition, source: 0)
    let forecast = PipelineForecast(plan, of: definition, source: 0, ratePerSecond: rate, keyCount: Double(keyCount))

    var random = Random(state: 7)
    let rehearsal = try Rehearsal(definition, source: 0)
    var (time, nextEmission, panes, samples) = (0.0, 1000, 0, 0)
    var (rowsAtStart, windowRowsAtStart): (Int64, Int64) = (0, 0)
    let start = 40_000
    while time < Double(seconds * 1000 + start) {
      time += -log(1 - random.unit()) * 1000 / rate
      while Int(time) >= nextEmission {
        try rehearsal.advance(streamTimeTo: Int64(nextEmission))
        try rehearsal.emit()
        if nextEmission == start {
          (rowsAtStart, windowRowsAtStart) = (rehearsal.counts.rowsWritten, rehearsal.counts.windowRowsWritten)
        }
        if nextEmission > start {
          panes += rehearsal.counts.panes
          samples += 1
        }
        nextEmission += 1000
      }
      let key = Int(random.below(UInt64(keyCount)))
      try rehearsal.give(
        TestRecord(value: "{\"ts\":\(Int(time)),\"k\":\"k\(key)\",\"v\":1}", location: .init(line: 1, column: 1)))
    }
    let expectedPanes = forecast.keySpaces.reduce(0) { $0 + $1.keyCount * $1.groups.reduce(0) { $0 + $1.nodesPerKey } }
    #expect(abs(Double(panes) / Double(samples) / expectedPanes - 1) < 0.1, "\(panes / samples), forecast \(expectedPanes)")
    let written = Double(rehearsal.counts.windowRowsWritten - windowRowsAtStart) / Double(seconds)
    #expect(abs(written / forecast.views[1].rowsPerSecond - 1) < 0.05, "\(written), forecast \(forecast.views[1].rowsPerSecond)")
    let changed = Double(rehearsal.counts.rowsWritten - rowsAtStart) / Double(seconds) - written
    // Leaving panes meet in one write, so a forecast of changes is an upper bound.
    let most = forecast.views[0].rowsPerSecond
    #expect(changed <= most * 1.02 && changed > most * 0.8, "\(changed), forecast \(most)")
  }
}
