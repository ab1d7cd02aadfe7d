// A stream that is what its truth says agrees; one that is not, does not, and the report says how.

import Base
import Foundation
import Generation
import Records
import Schema
import Testing

@testable import Verification

@Suite struct StreamCheckTests {
  @Test(arguments: [false, true], [FaultyStream.faults, FaultyStream.skewed, FaultModel()])
  func `a stream agrees with the truth about it`(isRealTime: Bool, faults: FaultModel) throws {
    let stream = try FaultyStream(faults, isRealTime: isRealTime)
    let report = try stream.check()
    #expect(report.agrees, "\(report)")
    #expect(report.receivedCount == stream.lines.count && report.expectedCount == stream.lines.count)
    #expect(report.unreadableCount == report.corruptCount)
    if faults == FaultyStream.faults {
      for count in [report.copyCount, report.corruptCount, report.lateCount, report.droppedCount] { #expect(count > 20) }
    }
  }

  @Test func `sessions without a load and a stream that a count has ended agree too`() throws {
    #expect(try FaultyStream(rate: nil).check().agrees)
    let counted = try FaultyStream(count: 3_000)
    let report = try counted.check()
    #expect(report.agrees && report.unsentCount > 0 && report.receivedCount == 3_000)
  }

  @Test func `a stream whose start was moved, as in real time, agrees`() throws {
    let stream = try FaultyStream(isRealTime: true, movedBy: 1_234)
    #expect(stream.truth[0].contains("\"start\":1767225601234,\"until\":1767225626234,"))
    #expect(try stream.check().agrees)
  }

  @Test func `a record that did not come is named`() throws {
    var stream = try FaultyStream()
    let index = stream.lines.firstIndex { $0.first == 123 && $0.last == 125 }!
    stream.lines.remove(at: index)
    let report = try stream.check()
    #expect(!report.agrees && report.missing.count == 1 && report.unexpected.count == 0 && report.buckets.count == 1)
    #expect(report.missing.examples[0].hasPrefix("record "))
    #expect(report.buckets.examples[0].contains("records came"))
  }

  @Test func `a record that came twice without a label is named`() throws {
    var stream = try FaultyStream(FaultModel())
    stream.lines.insert(stream.lines[1000], at: 1001)
    let report = try stream.check()
    #expect(report.unexpected.count == 1 && report.missing.count == 0)
    #expect(!report.agrees)
  }

  @Test func `a changed record is one that did not come and one that should not have`() throws {
    var stream = try FaultyStream(FaultModel())
    let line = stream.lines[500]
    stream.lines[500] = Array(
      String(decoding: line, as: UTF8.self).replacing("track", with: "trick").replacing("page", with: "pace").utf8)
    let report = try stream.check()
    #expect(report.missing.count == 1 && report.unexpected.count == 1)
    #expect(report.missing.examples[0].hasPrefix("record 500 ("))
    #expect(report.unexpected.examples[0].hasPrefix("at ") && report.unexpected.examples[0].contains("{"))
  }

  @Test func `records out of order are named, unless any order will do`() throws {
    var stream = try FaultyStream(FaultModel())
    let line = stream.lines.remove(at: 700)
    stream.lines.insert(line, at: 800)
    let report = try stream.check()
    #expect(!report.agrees && report.misplaced.count == 1 && report.missing.count == 0)
    #expect(report.misplaced.examples[0].hasPrefix("record 700 ("))
    #expect(try stream.check(order: false).agrees)
  }

  @Test func `a late record that came in time is out of order`() throws {
    var stream = try FaultyStream(FaultModel(late: .init(rate: 0.01, delay: .constant(5_000), maximumMilliseconds: 9_000)))
    let label = try #require(
      try stream.truthFile().labels.values.first { $0.marks == .late && $0.sentMilliseconds! < FaultyStream.start + 20_000 })
    // The one that goes out then.
    let times = stream.lines.map {
      TimeText.milliseconds(
        fromRFC3339: (try! JSONSerialization.jsonObject(with: Data($0)) as! [String: Any])["sentAt"] as! String)!
    }
    let index = times.firstIndex(of: label.sentMilliseconds!)!
    let late = stream.lines.indices[index...].prefix(2).first { position in
      let object = try! JSONSerialization.jsonObject(with: Data(stream.lines[position])) as! [String: Any]
      return object["timestamp"] as! String != object["sentAt"] as! String
    }!
    let line = stream.lines.remove(at: late)
    stream.lines.insert(line, at: late - 900)
    let report = try stream.check()
    #expect(!report.agrees && report.misplaced.count == 1)
  }

  @Test func `a damaged line that was repaired is noticed`() throws {
    var stream = try FaultyStream(FaultModel(corruptRate: 0.01))
    let sound = try FaultyStream(FaultModel())
    let index = stream.lines.indices.first { stream.lines[$0] != sound.lines[$0] }!
    stream.lines[index] = sound.lines[index]
    let report = try stream.check()
    #expect(report.unreadableCount == report.corruptCount - 1 && report.missing.count == 1 && report.unexpected.count == 1)
    #expect(!report.agrees)
  }

  @Test(arguments: ["\"sent\":", "\"late\":", "\"page\":"])
  func `a count of the truth that its labels contradict is noticed`(name: String) throws {
    var stream = try FaultyStream()
    let index = stream.truth.firstIndex { $0.contains("\"bucket\"") }!
    stream.truth[index] = stream.truth[index].replacing(name, with: name + "1")
    let report = try stream.check()
    #expect(!report.agrees && report.contradictions.count == 1, "\(report.contradictions)")
    #expect(report.missing.count == 0 && report.unexpected.count == 0)
  }

  @Test(arguments: ["late", "duplicate", "drop", "corrupt", "missing"]) func `a label that is missing is noticed`(fault: String)
    throws
  {
    var stream = try FaultyStream()
    let index = try #require(stream.truth.firstIndex { $0.contains("\"fault\":\"\(fault)\"") })
    stream.truth.remove(at: index)
    let report = try stream.check()
    #expect(!report.agrees)
    #expect(report.contradictions.count > 0)
  }

  @Test func `another seed is another stream`() throws {
    var stream = try FaultyStream(FaultModel())
    stream.truth[0] = stream.truth[0].replacing("\"start\":1767225600000", with: "\"start\":1767225600001")
    let report = try stream.check()
    #expect(report.missing.count == 5_000 && report.missing.examples.count == 5 && report.unexpected.count == 5_000)
  }

  @Test(arguments: [
    ([], "lines: empty; expected a file that 'generate --truth' has written"),
    (["{\"truth\":\"fault\"}"], "lines:1: expected the header of a truth file"),
    (["{\"truth\":\"stream\",\"version\":2}"], "lines:1: a truth of version 2; expected 1"),
    (["{\"truth\":\"stream\",\"version\":1}"], "lines:1: no sound 'schema' in the header of the truth"),
    (["not JSON"], "lines:1: expected the header of a truth file"),
  ])
  func `what is no truth file is refused`(lines: [String], message: String) {
    #expect(throws: Failure.self) { _ = try TruthFile(LineFeed(lines)) }
    do { _ = try TruthFile(LineFeed(lines)) } catch { #expect("\(error)" == message) }
  }

  @Test func `a truth that was cut off is refused`() throws {
    var stream = try FaultyStream(seconds: 5)
    stream.truth.removeLast()
    do {
      _ = try stream.truthFile()
      Issue.record("it was read")
    } catch { #expect("\(error)" == "lines: no end; was the run that wrote it killed?") }
  }

  @Test(arguments: [
    ("\"until\":1767225602000", "\"until\":-9223372036854775808", "until"), ("\"start\":1767225600000", "\"start\":9e18", "start"),
    ("\"from\":200.0,\"to\":200.0", "\"from\":0,\"to\":0", "load"), ("\"from\":200.0", "\"for_ms\":-5,\"from\":200.0", "load"),
    ("\"from\":200.0", "\"from\":1e300", "load"), ("\"shard\":\"0/1\"", "\"shard\":\"1/1\"", "shard"),
    ("\"bucket_ms\":10000", "\"bucket_ms\":0", "bucket_ms"), ("\"seed\":42", "\"seed\":-1", "seed"),
  ])
  func `a header that no stream can have is refused`(sound: String, broken: String, field: String) throws {
    var stream = try FaultyStream(FaultModel(), seconds: 2)
    #expect(stream.truth[0].contains(sound))
    stream.truth[0] = stream.truth[0].replacing(sound, with: broken)
    do {
      _ = try stream.truthFile()
      Issue.record("it was read")
    } catch { #expect("\(error)" == "lines:1: no sound '\(field)' in the header of the truth") }
  }

  @Test func `no bytes of a truth file trap`() throws {
    let stream = try FaultyStream(seconds: 2)
    var random = Random(state: 11)
    for _ in 0..<150 {
      var lines = stream.truth.map { Array($0.utf8) }
      let line = Int(random.below(UInt64(lines.count)))
      for _ in 0..<3 {
        let place = Int(random.below(UInt64(lines[line].count)))
        lines[line][place] = UInt8(truncatingIfNeeded: 32 + random.below(96))
      }
      guard let truth = try? TruthFile(LineFeed(lines)), truth.header.seed == 42, truth.numbers < 100_000 else { continue }
      var check = try StreamCheck(truth, stream.plan, checksOrder: true)
      _ = try check.run(LineFeed(stream.lines), untilIdleMilliseconds: 0)
    }
  }
}
