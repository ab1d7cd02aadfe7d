// Served values against records in memory: those that are right pass, and each kind of wrong one is found and named.

import Base
import Batch
import Features
import Processing
import Records
import Testing

private let yaml = """
  version: 1
  kind: pipeline
  name: lanes
  sources:
    clicks:
      event_time: { field: ts, format: epoch_ms }
      watermark: { lateness: 3s }
  entities:
    user: { key: user }
  views:
    activity:
      entity: user
      source: clicks
      lanes: [nrt, batch, rt]
      features:
        n: { agg: count, window: { sliding: 20s, hop: 1s } }
        spend: { agg: sum, field: price, window: { sliding: 20s, hop: 1s }, default: 0 }
        item: { agg: last, field: item, window: none }

  """

@Suite struct LaneCheckTests {
  private let pipeline: PipelineDefinition
  private let records: [String]
  private let archive: MemoryRecords

  init() throws {
    pipeline = try readPipeline(yaml)
    var random = Random(seed: 3, 1, 1)
    records = clicks(&random, count: 300, userCount: 5)
    archive = MemoryRecords(values: [0: records], newestTime: Self.time(records.max { Self.time($0) < Self.time($1) }!))
  }

  private static func time(_ record: String) -> Int64 { Int64(record.split(separator: #""ts":"#)[1].prefix { $0.isNumber })! }

  /// The values of a user right before an offset, as the stream writes them then; `idle` later, without a record.
  private func stream(_ user: String, before offset: Int, idle: Int64 = 0) throws -> [ServedValue] {
    let replay = try ViewReplay(pipeline, source: 0, sourceName: "")
    let batch = RecordBatch()
    for (index, record) in records[..<offset].enumerated() {
      var record = record
      record.withUTF8 { batch.append(value: $0, key: nil, timestamp: .min, offset: Int64(index), partition: 0) }
    }
    try replay.decode(batch)
    replay.apply(through: replay.recordCount)
    let streamTime = replay.streamTime + idle
    replay.advance(to: streamTime)
    let rows = FeatureRowBatch()
    replay.appendRows(ofView: 0, keys: [Array(user.utf8)], asOf: streamTime - 3000, to: rows)
    return (0..<3).map { feature in
      let value = rows.values[feature]
      let served: TrainingValue =
        switch value.kind {
        case .integer: .integer(Int64(bitPattern: value.bits))
        case .double: .double(Double(bitPattern: value.bits))
        case .string: .string(String(decoding: rows.text(of: value), as: UTF8.self))
        default: .null
        }
      var result = ServedValue(time: streamTime, view: 0, feature: feature, lane: .nrt, key: Array(user.utf8), value: served)
      result.asOf = streamTime - 3000
      result.position = (0, Int64(offset))
      return result
    }
  }

  private func log() throws -> [ServedValue] {
    try [40, 90, 150, 151, 220, 290].flatMap { offset in try ["u0", "u1", "u4"].flatMap { try stream($0, before: offset) } }
  }

  private func check(_ values: [ServedValue], _ archive: MemoryRecords? = nil, tolerance: Double = 0) throws -> LaneCheckReport {
    try LaneCheck(pipeline, archives: [0: archive ?? self.archive], tolerance: tolerance).run(values)
  }

  @Test func `what the stream has written is what its positions give`() throws {
    let report = try check(log())
    #expect(report.mismatchCount == 0, "\(report.mismatches)")
    #expect(report.checkedCount == 54 && report.unchecked.isEmpty && report.idleCount == 0)
    #expect(report.lines.map(\.feature) == ["n", "spend", "item"])
    #expect(report.lines.allSatisfy { $0.servedCount == 18 && $0.ages.allSatisfy { $0 == 3000 } && $0.measuredCount == 18 })
    // Late records come after the row: the exact value has them.
    let errors = try log().filter { $0.feature == 0 }.map { value -> Int64 in
      guard case .integer(let served) = value.value else { return .max }
      let user = #"{"user":"\#(String(decoding: value.key!, as: UTF8.self))","#
      let first = floorDivide(value.time - 20_000, 1000) * 1000
      return Int64(records.count { $0.hasPrefix(user) && (first...value.time).contains(Self.time($0)) }) - served
    }
    #expect(report.lines[0].exactCount == errors.count { $0 == 0 } && (1..<18).contains(report.lines[0].exactCount))
    #expect(report.lines[0].errorSum == Double(errors.reduce(0) { $0 + abs($1) }))
  }

  @Test(arguments: [0, 1, 2]) func `a value that was changed is found, and no other`(feature: Int) throws {
    var values = try log()
    let place = 27 + feature
    values[place].value = feature == 0 ? .integer(77) : feature == 1 ? .double(0.125) : .string("other")
    let report = try check(values)
    #expect(report.mismatchCount == 1 && report.lines[feature].mismatchCount == 1)
    let example = try #require(report.mismatches.first)
    #expect(example.name == "activity@nrt.\(["n", "spend", "item"][feature])" && example.place == "at 0:151")
    #expect(example.served == values[place].value.json && example.key == "u0")
  }

  @Test func `a row of another position is found, and doubles may differ by the tolerance`() throws {
    var values = try stream("u0", before: 290)
    for index in values.indices { values[index].position = (0, 40) }
    #expect(try check(values).mismatchCount > 0)
    values = try stream("u0", before: 290)
    guard case .double(let spend) = values[1].value else {
      Issue.record("\(values[1].value) is no double")
      return
    }
    values[1].value = .double(spend + 0.01)
    #expect(try check(values).mismatchCount == 1)
    #expect(try check(values, tolerance: 0.1).mismatchCount == 0)
  }

  @Test func `event time that went on without a record is tried, and told`() throws {
    let values = try stream("u0", before: 150, idle: 19_000)
    let report = try check(values)
    #expect(report.mismatchCount == 0 && report.idleCount > 0, "\(report.mismatches)")
  }

  @Test func `what the archive does not reach is counted and named`() throws {
    var values = try stream("u0", before: 290)
    values[0].position = (0, 1_000_000)
    values[1].position = (7, 3)
    values[2].position = nil
    for index in values.indices { values[index].time = 99_000_000_000 }
    let report = try check(values)
    #expect(report.mismatchCount == 0 && report.checkedCount == 0)
    let reasons = report.unchecked.map(\.reason)
    #expect(report.unchecked.allSatisfy { $0.count == 1 || $0.count == 3 } && reasons.count == 4)
    #expect(reasons.contains("their positions are beyond the archive, which ends at 0:\(records.count)"), "\(reasons)")
    #expect(reasons.contains("partition 7 is not in the archive") && reasons.contains("they have no position"))
  }

  @Test func `values of batch are those of a run, over what was there when it began`() throws {
    let cutoff: Int64 = 1_060_000
    func batchValues(_ archive: MemoryRecords) throws -> [ServedValue] {
      let run = try BatchRun(
        pipeline, views: [0], cutoff: cutoff, archives: [0: archive], settings: BatchRunSettings())
      let output = CollectedRows(pipeline)
      try run.run(into: output)
      return try output.store.rows.flatMap { row -> [ServedValue] in
        try row.values.enumerated().map { feature, value -> ServedValue in
          let served: TrainingValue =
            switch value {
            case .integer(let value): .integer(value)
            case .double(let value): .double(value)
            case .string(let text): .string(text)
            default: .null
            }
          var result = ServedValue(
            time: cutoff + 1000, view: 0, feature: feature, lane: .batch, key: Array(try #require(row.key).utf8), value: served)
          result.asOf = cutoff
          result.run = 5
          return result
        }
      }
    }
    var values = try batchValues(archive)
    #expect(values.count == 15)
    let report = try check(values)
    #expect(report.mismatchCount == 0 && report.checkedCount == 15 && report.earlierCount == 0, "\(report.mismatches)")
    values[3].value = .integer(99)
    #expect(try check(values).mismatchCount == 1)
    var early = archive
    early.values = [0: Array(records[..<100])]
    let earlyValues = try batchValues(early)
    #expect(try check(earlyValues).mismatchCount > 0)
    var growing = archive
    growing.earlyCount = 100
    let grown = try check(earlyValues, growing)
    #expect(grown.mismatchCount == 0 && grown.earlierCount > 0, "\(grown.mismatches)")
  }

  @Test func `of a key that nothing is held of, an empty window is right`() throws {
    var values = try stream("nobody", before: 100)
    for index in values.indices {
      values[index].isNotFound = true
      values[index].position = nil
      values[index].asOf = nil
    }
    #expect(try check(values).mismatchCount == 0)
    values[1].value = .double(3)
    #expect(try check(values).mismatchCount == 1)
  }

  @Test func `values of rt that are not exact are told, and those that are truncated excused`() throws {
    var values = try stream("u0", before: records.count)
    for index in values.indices {
      values[index].lane = .rt
      values[index].position = nil
      values[index].asOf = values[index].time
    }
    #expect(try check(values).differenceCount == 0)
    values[0].value = .integer(1000)
    let report = try check(values)
    #expect(report.differenceCount == 1 && report.mismatchCount == 0 && report.lines[0].exactCount == 0)
    #expect(report.lines[0].errorMax > 900)
    values[0].isTruncated = true
    #expect(try check(values).differenceCount == 0)
  }

  @Test func `lines of the log are read, and what is none is refused by its number`() throws {
    func read(_ lines: String...) throws -> [ServedValue] {
      let reader = ServedValueReader(pipeline, name: "log")
      let batch = RecordBatch()
      for var line in lines { line.withUTF8 { batch.append(value: $0, key: nil, timestamp: .min, offset: 0, partition: 0) } }
      try reader.read(batch)
      return reader.values
    }
    let good =
      #"{"time":9,"service":"s","view":"activity","lane":"nrt","key":"u","feature":"n","value":3,"status":"PRESENT","as_of":7,"position":"2:17","run":null}"#
    let value = try #require(read(good).first)
    #expect(value.time == 9 && value.value == .integer(3) && value.asOf == 7 && value.run == nil)
    #expect(value.position?.partition == 2 && value.position?.offset == 17 && value.key == Array("u".utf8))
    for (line, message) in [
      (good.replacing("activity", with: "x"), "has no view 'x'"), (good.replacing("2:17", with: "2"), "expected PARTITION:OFFSET"),
      (good.replacing("nrt", with: "near"), "expected rt, nrt or batch, found 'near'"), (String(good.dropLast(9)), "log:2: "),
      (#"{"a":1}"#, "no line of 'serve --log-served'"),
    ] {
      let failure = #expect(throws: Failure.self) { try read(good, line) }
      #expect(failure?.code == .badData && failure?.message.contains(message) == true, "\(failure?.message ?? "")")
    }
  }
}
