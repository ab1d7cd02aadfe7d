import Monitoring
import Testing

@Suite struct `Delays and their table` {
  @Test func `percentiles come from counts, three digits deep`() {
    let delays = DelayHistogram()
    #expect(delays.summary == nil)
    for value in 1...100_000 as ClosedRange<Int64> { delays.record(nanoseconds: value * 1000) }
    delays.record(nanoseconds: -5)
    let summary = delays.summary!
    #expect(summary.count == 100_001)
    #expect(abs(Double(summary.p50) / 50_000_000 - 1) < 0.002)
    #expect(abs(Double(summary.p99) / 99_000_000 - 1) < 0.002)
    #expect(abs(Double(summary.max) / 100_000_000 - 1) < 0.002)
  }

  @Test func `columns stay where they are when numbers shrink`() {
    var table = LiveTable()
    let first = table.lines(title: "t", rows: [.init("a", ["1000 events", "x"]), .init("longer", ["5", "y"])])
    #expect(first == ["t", "", "  a        1000 events   x", "  longer   5             y"])
    let second = table.lines(title: "t", rows: [.init("a", ["9", "x"])])
    #expect(second == ["t", "", "  a   9             x"])
  }

  @Test func `a table draws over itself, cut to the terminal's width`() {
    var table = LiveTable()
    _ = table.draw(title: "title", rows: [.init("a", ["b"])], width: 80)
    let again = table.draw(title: "title", rows: [.init("a", ["b"])], width: 5)
    #expect(again == "\u{1b}[3A\rtitl\u{1b}[K\n\u{1b}[K\n  a \u{1b}[K\n")
  }
}
