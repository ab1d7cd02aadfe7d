// Expected windows against a plain count over the clean stream's objects, and rows against them.

import Base
import Foundation
import Generation
import Records
import Schema
import Testing

@testable import Verification

@Suite struct ExpectedWindowsTests {
  static let views = "views = count where event == 'Product Viewed'"
  static let spent = "spent = sum properties.price where event == 'Product Added'"
  static let shown = "shown = sum properties.impressions"

  /// Counts and sums by key and window, of objects as they were received; copies count, and unreadable lines do not.
  struct Model {
    struct Row {
      var records = 0
      var views = 0
      var spent: Double?
      var shown: Int?
    }

    var rows: [String: Row] = [:]

    init(_ lines: [[UInt8]]) {
      for line in lines {
        guard let object = (try? JSONSerialization.jsonObject(with: Data(line))) as? [String: Any],
          let key = object["userId"] as? String,
          let text = object["timestamp"] as? String, let time = TimeText.milliseconds(fromRFC3339: text)
        else { continue }
        let name = "\(time / 10_000 * 10_000) \(key)"
        rows[name, default: Row()].records += 1
        let properties = object["properties"] as? [String: Any]
        if object["event"] as? String == "Product Viewed" { rows[name]!.views += 1 }
        if object["event"] as? String == "Product Added", let price = properties?["price"] as? Double {
          rows[name]!.spent = (rows[name]!.spent ?? 0) + price
        }
        if let count = properties?["impressions"] as? Int { rows[name]!.shown = (rows[name]!.shown ?? 0) + count }
      }
    }

    /// As `freshet process --to stdout` prints them.
    var lines: [String] {
      rows.map { name, row in
        let parts = name.split(separator: " ")
        return
          "{\"view\":\"w\",\"userId\":\"\(parts[1])\",\"window_start\":\(parts[0]),\"window_end\":\(Int(parts[0])! + 10_000),\"views\":\(row.views),\"spent\":\(row.spent.map { "\($0)" } ?? "null"),\"shown\":\(row.shown.map { "\($0)" } ?? "null")}"
      }
    }
  }

  @Test func `the windows are those of the clean stream, whatever befell it`() throws {
    let model = Model(try FaultyStream(FaultModel()).lines)
    let windows = try FaultyStream().windows([Self.views, Self.spent, Self.shown])
    #expect(windows.places.count == model.rows.count && model.rows.count > 1_000)
    for place in windows.places {
      let row = try #require(model.rows["\(place.start) \(place.key)"])
      let expected = windows.rows[place]!
      #expect(expected.records.count == row.records && expected.values[0].count == row.views)
      #expect(abs(expected.values[1].sum.value - (row.spent ?? 0)) < 1e-9 && (expected.values[1].count == 0) == (row.spent == nil))
      #expect(expected.values[2].sum.text == String(row.shown ?? 0))
    }
    let text = ByteBuffer()
    let place = windows.places[0]
    windows.write(place, windows.rows[place]!, to: text)
    let object = try JSONSerialization.jsonObject(with: Data(text.string.utf8)) as! [String: Any]
    #expect(Set(object.keys) == ["userId", "window_start", "window_end", "views", "spent", "shown"])
  }

  private func check(_ windows: ExpectedWindows, _ rows: [String]) throws -> RowReport {
    try RowCheck(windows, viewName: "w").run(LineFeed(rows + ["{\"view\":\"another\"}"]))
  }

  @Test func `rows of the clean stream are right`() throws {
    let stream = try FaultyStream(FaultModel())
    let model = Model(stream.lines)
    let report = try check(stream.windows([Self.views, Self.spent, Self.shown]), model.lines)
    #expect(report.agrees && report.rightCount == model.rows.count && report.explained.count == 0, "\(report)")
  }

  @Test(arguments: [FaultyStream.faults, FaultyStream.skewed]) func `what faults have done to rows is explained`(faults: FaultModel)
    throws
  {
    let stream = try FaultyStream(faults)
    let windows = try stream.windows([Self.views, Self.spent, Self.shown])
    let report = try check(windows, Model(stream.lines).lines)
    #expect(report.agrees, "\(report)")
    #expect(report.explained.count > 100 && report.rightCount > 500)
  }

  @Test func `what faults have not done is wrong`() throws {
    let stream = try FaultyStream(FaultModel(late: .init(rate: 0.05, delay: .constant(5_000), maximumMilliseconds: 9_000)))
    let windows = try stream.windows([Self.views, Self.spent, Self.shown])
    let rows = Model(stream.lines).lines.sorted()
    #expect(try check(windows, rows).agrees)
    let index = rows.firstIndex { $0.contains("\"views\":1,") }!
    var more = rows
    more[index] = rows[index].replacing("\"views\":1,", with: "\"views\":2,")
    let report = try check(windows, more)
    #expect(report.wrong.count == 1 && report.wrong.examples[0].hasSuffix(": views is 2, expected 1") && !report.agrees)
    // A record of no label is lost, and then its whole row.
    let labelled = Set(try stream.truthFile().labels.keys)
    #expect(!labelled.isEmpty)
    let sound = windows.places.first {
      windows.rows[$0]!.values[0].countBounds == 1...1 && windows.rows[$0]!.records.countBounds == 1...1
    }!
    let place = rows.firstIndex { $0.contains(sound.key) && $0.contains("\"window_start\":\(sound.start),") }!
    more = rows
    more[place] = rows[place].replacing("\"views\":1,", with: "\"views\":0,")
    #expect(try check(windows, more).wrong.count == 1)
    more.remove(at: place)
    #expect(try check(windows, more).missing.count == 1)
    more = rows + [rows[0]]
    #expect(try check(windows, more).repeated.count == 1)
    more = rows + [rows[0].replacing("\"userId\":\"", with: "\"userId\":\"x")]
    #expect(try check(windows, more).unexpected.count == 1)
  }

  @Test func `a lost record of a late label is explained, and two are not`() throws {
    let stream = try FaultyStream(FaultModel(late: .init(rate: 0.05, delay: .constant(5_000), maximumMilliseconds: 9_000)))
    let windows = try stream.windows([Self.views, Self.spent, Self.shown])
    let place = try #require(
      windows.places.first { windows.rows[$0]!.values[0].countBounds == 1...2 && windows.rows[$0]!.values[0].count == 2 })
    let rows = Model(stream.lines).lines
    let index = rows.firstIndex { $0.contains(place.key) && $0.contains("\"window_start\":\(place.start),") }!
    for (count, isExplained) in [(2, true), (1, true), (0, false), (3, false)] {
      var changed = rows
      changed[index] = rows[index].replacing("\"views\":2,", with: "\"views\":\(count),")
      let report = try check(windows, changed)
      #expect(report.agrees == isExplained, "\(count)")
      #expect(report.explained.count == (count == 1 ? 1 : 0))
    }
  }

  @Test func `a sum within rounding is right, and outside it is not`() throws {
    let stream = try FaultyStream(FaultModel())
    let windows = try stream.windows([Self.spent])
    let place = windows.places.first { windows.rows[$0]!.values[0].count == 1 }!
    let sum = windows.rows[place]!.values[0].sum.value
    func report(_ value: Double) throws -> RowReport {
      try RowCheck(windows, viewName: nil).run(
        LineFeed([
          "{\"userId\":\"\(place.key)\",\"window_start\":\(place.start),\"window_end\":\(place.start + 10_000),\"spent\":\(value)}"
        ]))
    }
    #expect(try report(sum + 1e-10).rightCount == 1)
    #expect(try report(sum + 0.01).wrong.count == 1)
  }

  @Test func `a condition on records leaves windows out`() throws {
    let stream = try FaultyStream(FaultModel())
    let windows = try stream.windows(["n = count"], where: "context.country == 'DE'")
    let clean = stream.lines.filter { String(decoding: $0, as: UTF8.self).contains("\"country\":\"DE\"") }
    #expect(windows.places.count == Model(clean).rows.count)
    #expect(windows.places.reduce(0) { $0 + windows.rows[$1]!.values[0].count } == clean.count)
  }

  @Test(arguments: [
    ("views", "--expect: expected 'NAME = count [FIELD] [where ...]' or 'NAME = sum FIELD [where ...]', found 'views'"),
    ("views = sum", "--expect: expected 'NAME = count [FIELD] [where ...]' or 'NAME = sum FIELD [where ...]', found 'views = sum'"),
    ("v = count where event =", "--expect: 'event =': byte 6: unexpected '='; did you mean '=='?"),
    ("v = sum propertis.price", "no event of 'clickstream' has a field 'propertis.price'"),
  ])
  func `a question that cannot be answered is refused`(text: String, message: String) throws {
    let stream = try FaultyStream(FaultModel(), seconds: 1)
    do {
      _ = try stream.windows([text])
      Issue.record("it was answered")
    } catch { #expect("\(error)" == message) }
  }
}
