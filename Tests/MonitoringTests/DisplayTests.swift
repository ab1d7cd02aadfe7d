import Monitoring
import Testing

@Suite struct `Tables that renew themselves` {
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
