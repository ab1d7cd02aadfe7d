// Faults: how often each comes, what it does to a record, and that it does nothing else.

import Base
import Foundation
import Records
import Schema
import Testing

@testable import Generation

@Suite struct FaultTests {
  // MARK: - How often

  @Test(arguments: ["late", "duplicate", "reorder", "drop", "corrupt", "missing", "wrong_type"], [0.001, 0.05, 0.5, 1])
  func `a fault befalls the share of records that it should`(fault: String, rate: Double) throws {
    let schema = try Faulty.schema(Faulty.model(fault, rate: rate))
    let clean = 20_000
    let records = Faulty.records(schema, seconds: 20)
    let mark = RecordMarks.faults.first { $0.name == fault }!.mark
    let count =
      fault == "drop" ? clean - Set(records.map(\.number)).count : records.filter { $0.marks.contains(mark) }.count
    #expect(Set(records.map(\.number)).isSubset(of: Set(0..<Int64(clean))))
    let deviation = (Double(clean) * rate * (1 - rate)).squareRoot()
    #expect(abs(Double(count) - Double(clean) * rate) <= 4.5 * deviation, "\(count) of \(clean) at \(rate)")
    for record in records { #expect(record.marks.subtracting([mark]).isEmpty) }
  }

  @Test func `faults are independent of each other`() throws {
    var model = Faulty.model("late", rate: 0.2)
    model.duplicate = Faulty.model("duplicate", rate: 0.3).duplicate
    model.corruptRate = 0.1
    let records = Faulty.records(try Faulty.schema(model), seconds: 20)
    let repeated = Set(records.filter { $0.marks.contains(.duplicate) }.map(\.number))
    var counts = [Int](repeating: 0, count: 8)
    for record in records where !record.isCopy {
      counts[
        (record.marks.contains(.late) ? 1 : 0) + (repeated.contains(record.number) ? 2 : 0)
          + (record.marks.contains(.corrupt) ? 4 : 0)] += 1
    }
    let probabilities = (0..<8).map { subset in
      [0.2, 0.3, 0.1].enumerated().reduce(1.0) { $0 * (subset >> $1.offset & 1 == 1 ? $1.element : 1 - $1.element) }
    }
    #expect(Generating.excess(observed: counts, probabilities: probabilities) < 4)
  }

  @Test func `skew is a session's: all of its records have it, or none`() throws {
    var schema = try Generating.clickstream()
    schema.faults = FaultModel(skew: .init(rate: 0.2, offset: .normal(mean: 0, sd: 90_000)))
    var skews: [String: Set<Int64>] = [:]
    for record in Faulty.records(schema, seconds: 20) {
      let object = try record.object()
      let time = TimeText.milliseconds(fromRFC3339: object["timestamp"] as! String)!
      skews[object["session_id"] as! String, default: []].insert(time - record.time)
      #expect(record.marks == (time == record.time ? [] : [.skew]))
    }
    #expect(skews.count > 1_000 && skews.values.allSatisfy { $0.count == 1 })
    let wrong = skews.values.compactMap(\.first).filter { $0 != 0 }.map(Double.init)
    let expected = Double(skews.count) * 0.2
    #expect(abs(Double(wrong.count) - expected) <= 4.5 * (expected * 0.8).squareRoot())
    let mean = wrong.reduce(0, +) / Double(wrong.count)
    #expect(abs(mean) < 4.5 * 90_000 / Double(wrong.count).squareRoot())
  }

  // MARK: - What each does

  @Test func `nothing else changes: without what is labelled the stream is the clean one, byte for byte`() throws {
    let clean = Faulty.records(try Faulty.schema(FaultModel()), seconds: 20)
    let faulty = Faulty.records(try Faulty.schema(Faulty.all), seconds: 20)
    #expect(clean.count == 20_000)
    var seen = Set<Int64>()
    let altering: RecordMarks = [.corrupt, .missing, .wrongType, .skew]
    for record in faulty {
      let original = clean[Int(record.number)]
      #expect(record.number == original.number && record.time == original.time && record.key == original.key)
      if record.marks.isDisjoint(with: altering) { #expect(record.value == original.value) }
      if !record.isCopy { #expect(seen.insert(record.number).inserted) }
    }
    // Whatever is not there was dropped, and that is about two in a hundred.
    #expect((300...500).contains(20_000 - seen.count))
  }

  @Test(arguments: [1, 7, 256, 5_000]) func `the bytes do not depend on the batches, nor on where the reader stops`(size: Int)
    throws
  {
    let schema = try Faulty.schema(Faulty.all)
    let whole = Faulty.records(schema, seconds: 5)
    #expect(Faulty.records(schema, seconds: 5, batchSize: size) == whole)
    #expect(Faulty.records(schema, seconds: 5, batchSize: size, stepMilliseconds: 37) == whole)
  }

  @Test func `records come in the order in which they are due, never before their time nor later than allowed`() throws {
    var model = FaultModel()
    model.late = .init(rate: 0.3, delay: .exponential(mean: 3_000), maximumMilliseconds: 5_000)
    model.reorder = .init(rate: 0.3, delay: .constant(0), maximumMilliseconds: 400)
    model.duplicate = .init(rate: 0.2, delay: .exponential(mean: 3_000), maximumMilliseconds: 2_000)
    let records = Faulty.records(try Faulty.schema(model), seconds: 20)
    var dues: [Int64: Int64] = [:]
    for (record, next) in zip(records, records.dropFirst()) { #expect(record.due <= next.due) }
    for record in records where !record.isCopy {
      dues[record.number] = record.due
      let delay = Double(record.due - record.time * 1_000_000) / 1e6
      let most = (record.marks.contains(.late) ? 5_000.0 : 0) + (record.marks.contains(.reorder) ? 400 : 0)
      #expect(delay >= 0 && delay < most + 1)
    }
    // A fifth of the exponential delays is longer than the bound.
    let cut = records.filter { $0.marks == .late && $0.due - $0.time * 1_000_000 >= 4_999_000_000 }.count
    #expect(cut > 300)
    for record in records where record.isCopy {
      #expect((0...2_000_000_000).contains(record.due - dues[record.number]!))
    }
  }

  @Test(arguments: [false, true]) func `a copy has the bytes of its original, the time of sending too`(isRealTime: Bool) throws {
    var model = Faulty.model("duplicate", rate: 0.3)
    model.late = Faulty.model("late", rate: 0.3).late
    model.corruptRate = 0.1
    let records = Faulty.records(
      try Faulty.schema(model, fields: "sent: { time: sent, format: epoch_ms }"), seconds: 10, batchSize: 100,
      sentMilliseconds: isRealTime ? { 1_000_000 + Int64($0) * 17 } : nil)
    var originals: [Int64: Faulty.Record] = [:]
    var count = 0
    for record in records {
      guard record.isCopy else {
        originals[record.number] = record
        continue
      }
      count += 1
      let original = try #require(originals[record.number])
      #expect(record.value == original.value && record.key == original.key)
      #expect(record.marks == original.marks.union(.duplicate))
    }
    #expect(count > 2_500)
  }

  @Test func `a late record says when it was sent`() throws {
    let schema = try Faulty.schema(Faulty.model("late", rate: 0.5), fields: "sent: { time: sent, format: epoch_ms }")
    for record in Faulty.records(schema, seconds: 5) {
      #expect(try record.object()["sent"] as? Int64 == (record.due / 1_000_000))
    }
  }

  @Test(arguments: ["missing", "wrong_type"]) func `one field is wrong, and only that`(fault: String) throws {
    let clean = Faulty.records(try Faulty.schema(FaultModel()), seconds: 3)
    let schema = try Faulty.schema(Faulty.model(fault, rate: 1))
    var counts: [String: Int] = [:]
    for record in Faulty.records(schema, seconds: 3) {
      var wrong = try record.object()
      var right = try clean[Int(record.number)].object()
      // The key, `user`, is spared.
      let names = Set(right.keys).union(wrong.keys).filter { name in
        !((right[name] as? NSObject)?.isEqual(wrong[name] as? NSObject) ?? (wrong[name] == nil))
      }
      #expect(names.count == 1 && !names.contains("user"), "\(names)")
      guard let name = names.first else { continue }
      counts[name, default: 0] += 1
      if name == "place", let inner = wrong[name] as? [String: Any] {
        // The object or a field of it.
        right = right[name] as! [String: Any]
        wrong = inner
        let inside = right.keys.filter { !((right[$0] as! NSObject).isEqual(wrong[$0] as? NSObject)) }
        #expect(inside.count == 1)
        if fault == "missing" { #expect(wrong[inside[0]] == nil) }
      } else if fault == "missing" {
        #expect(wrong[name] == nil)
      } else {
        #expect((wrong[name] is String) != (right[name] is String), "\(name)")
      }
    }
    // at, amount, place, place.x, place.y, note: of 3000, each 500 and those of place together 1500.
    #expect(Set(counts.keys) == ["at", "amount", "place", "note"])
    #expect(
      Generating.excess(
        observed: ["at", "amount", "place", "note"].map { counts[$0] ?? 0 }, probabilities: [1, 1, 3, 1].map { $0 / 6 }) < 4)
  }

  @Test func `only the fields that are named can be faulty, where an event has them`() throws {
    var schema = try Generating.clickstream()
    schema.faults.missing = .init(rate: 1, paths: [["properties", "price"], ["properties", "position"]])
    var counts = [0, 0]
    for record in Faulty.records(schema, seconds: 10) {
      let object = try record.object()
      guard let properties = object["properties"] as? [String: Any], properties["product_id"] != nil else {
        #expect(record.marks == [])
        continue
      }
      #expect(record.marks == .missing)
      let hasPosition = object["event"] as! String != "Order Completed"
      #expect((properties["price"] == nil) != (hasPosition && properties["position"] == nil))
      if hasPosition { counts[properties["price"] == nil ? 0 : 1] += 1 }
    }
    #expect(Generating.excess(observed: counts, probabilities: [0.5, 0.5]) < 4)
  }

  @Test func `a value of the wrong type is of none that the field can have, wherever it comes from`() throws {
    var schema = try Generating.clickstream()
    schema.faults.wrongType = .init(rate: 1, paths: [["properties", "price"]])
    let prices = try Faulty.records(schema, seconds: 5).compactMap { record in
      record.marks == .wrongType ? at(try record.object(), "properties.price") as? String : nil
    }
    #expect(prices.count > 1_000 && Set(prices) == ["n/a"])
    schema.faults.wrongType = .init(rate: 1, paths: [["properties", "brand"]])
    let brands = try Faulty.records(schema, seconds: 5).compactMap { record in
      record.marks == .wrongType ? at(try record.object(), "properties.brand") as? Int : nil
    }
    #expect(brands.count > 1_000 && Set(brands) == [-1])
  }

  @Test func `a corrupt record is one line that is no JSON, and keeps its key`() throws {
    let clean = Faulty.records(try Faulty.schema(FaultModel()), seconds: 5)
    var shapes = Set<String>()
    for record in Faulty.records(try Faulty.schema(Faulty.model("corrupt", rate: 1)), seconds: 5) {
      let original = clean[Int(record.number)]
      #expect(record.key == original.key)
      #expect(!record.value.contains(10) && !record.value.isEmpty)
      #expect((try? JSONSerialization.jsonObject(with: Data(record.value), options: .fragmentsAllowed)) == nil)
      // Nor is it for those who put a sign in place of what is no UTF-8.
      let repaired = String(decoding: record.value, as: UTF8.self)
      #expect((try? JSONSerialization.jsonObject(with: Data(repaired.utf8), options: .fragmentsAllowed)) == nil)
      shapes.insert(
        original.value.starts(with: record.value)
          ? "beginning"
          : original.value.suffix(record.value.count) == record.value[...] ? "end" : record.value[0] == 123 ? "bytes" : "bits")
    }
    #expect(shapes == ["beginning", "end", "bytes", "bits"])
  }

  @Test func `a corrupt line of CSV is one column that is no UTF-8`() {
    let tickets = TicketBuffer(rowCount: 0, capacity: 1)
    var bytes = Array(#"7,"a ""b"", c",x\#n,1.5"#.utf8)
    let count = withExtendedLifetime(tickets) {
      bytes.withUnsafeMutableBufferPointer {
        Damage.apply(to: $0.baseAddress!, count: $0.count, format: .csv, seed: 1, tickets.ticket(0))
      }
    }
    #expect(count == bytes.count && !bytes.contains { [44, 34, 10].contains($0) })
    #expect(String(validating: bytes, as: UTF8.self) == nil)
  }

  // MARK: - Where it ends

  @Test func `what is held back when event time ends is sent behind it`() throws {
    let records = Faulty.records(try Faulty.schema(Faulty.model("late", rate: 0.5)), seconds: 5)
    #expect(Set(records.map(\.number)) == Set(0..<5_000))
    let end = (Generating.start + 5_000) * 1_000_000
    #expect(records.last!.due > end && records.allSatisfy { $0.time < Generating.start + 5_000 })
  }

  @Test func `a count is one of records sent, and the rest is known to be unsent`() throws {
    let schema = try Faulty.schema(Faulty.model("late", rate: 0.5))
    let settings = GenerationSettings(startMilliseconds: Generating.start, eventsPerSecond: 1_000, maximumCount: 3_000)
    let generator = Generator(try GenerationPlan(schema), settings, truth: Faulty.truth)
    let records = Faulty.records(generator)
    #expect(records.count == 3_000 && generator.heldCount > 0)
    let held = generator.heldCount
    generator.finishTruth()
    let lines = try Faulty.lines(generator.truth!)
    let unsent = lines.filter { $0["fault"] as? String == "unsent" }
    #expect(unsent.count == held)
    let numbers = records.map(\.number) + unsent.map { $0["number"] as! Int64 }
    #expect(numbers.sorted() == Array(0..<Int64(lines.last!["numbers"] as! Int)))
  }

  @Test func `shards agree about every record`() throws {
    var schema = try Generating.clickstream()
    schema.faults = Faulty.all
    let whole = Faulty.records(schema, seconds: 5, load: nil)
    let parts = try (0..<3).flatMap { index in
      Faulty.records(
        Generator(
          try GenerationPlan(schema),
          GenerationSettings(
            startMilliseconds: Generating.start, shard: Shard(index: index, count: 3), endMilliseconds: Generating.start + 5_000)))
    }
    func sorted(_ records: [Faulty.Record]) -> [Faulty.Record] { records.sorted { ($0.number, $0.due) < ($1.number, $1.due) } }
    #expect(parts.count == whole.count)
    for (part, record) in zip(sorted(parts), sorted(whole)) where part != record {
      Issue.record("record \(record.number): \(part.text) is not \(record.text)")
    }
  }

  @Test func `as many records are held back as the plan foresees`() throws {
    let schema = try Faulty.schema(Faulty.all)
    let plan = try GenerationPlan(schema)
    let settings = GenerationSettings(
      startMilliseconds: Generating.start, eventsPerSecond: 1_000, endMilliseconds: Generating.start + 60_000)
    let generator = Generator(plan, settings)
    _ = Faulty.records(generator)
    // Late and copied records wait a second in the mean, 50 of each; a tenth of all waits a quarter of a second.
    #expect(abs(plan.heldRecords(settings).count - 125) < 0.01)
    #expect((125...180).contains(generator.mostHeldCount))
    var few = settings
    few.maximumCount = 10
    #expect(plan.heldRecords(few).count == 10)
  }

  // MARK: - The truth

  @Test(arguments: [1, 1_000]) func `the truth adds up`(batchSize: Int) throws {
    let schema = try Faulty.schema(Faulty.all)
    let settings = GenerationSettings(
      startMilliseconds: Generating.start, eventsPerSecond: 1_000, endMilliseconds: Generating.start + 30_500)
    let generator = Generator(try GenerationPlan(schema), settings, truth: Faulty.truth)
    let records = Faulty.records(generator, batchSize: batchSize)
    generator.finishTruth()
    let lines = try Faulty.lines(generator.truth!)
    #expect(
      lines[0]["truth"] as? String == "stream" && lines[0]["seed"] as? Int == 7 && lines[0]["start"] as? Int64 == Generating.start)

    // Each label stands for a record that went out with it, and the other way round.
    let labels = lines.filter { $0["truth"] as? String == "fault" }.map { "\($0["fault"]!) \($0["number"]!) \($0["key"]!)" }
    let sent = records.flatMap { record in record.labels.map { "\($0) \(record.number) \(record.key!)" } }
    let dropped = labels.filter { $0.hasPrefix("drop") }.map { Int($0.split(separator: " ")[1])! }
    let there = Set(records.map { Int($0.number) })
    #expect(labels.filter { !$0.hasPrefix("drop") }.sorted() == sent.sorted())
    #expect(Set(dropped) == Set(0..<30_500).subtracting(there))

    // Four buckets, the last one shorter; each counts what went out of it.
    let buckets = lines.filter { $0["truth"] as? String == "bucket" }
    #expect(buckets.map { $0["start"] as! Int64 - Generating.start } == [0, 10_000, 20_000, 30_000])
    for bucket in buckets {
      let range = (bucket["start"] as! Int64)..<(bucket["end"] as! Int64)
      let inside = records.filter { range.contains($0.time) }
      #expect(bucket["sent"] as? Int == inside.count)
      #expect((bucket["events"] as! [String: Int]) == ["click": range.lowerBound < Generating.start + 30_000 ? 10_000 : 500])
      for name in RecordMarks.faults.map(\.name) where name != "drop" {
        #expect(bucket[name] as? Int == inside.filter { $0.labels.contains(name) }.count, "\(name)")
      }
      let longest = inside.filter { !$0.isCopy }.map { ($0.due - $0.time * 1_000_000) / 1_000_000 }.max()!
      #expect(bucket["delay_ms_max"] as? Int64 == longest)
    }
    let end = lines.last!
    #expect(end["truth"] as? String == "end" && end["numbers"] as? Int == 30_500 && end["unsent"] as? Int == 0)
    #expect(end["faults"] as? Int == labels.count)
    for name in RecordMarks.faults.map(\.name) + ["sent"] {
      #expect(end[name] as? Int == buckets.map { $0[name] as! Int }.reduce(0, +), "\(name)")
    }
  }

  @Test func `the truth about a stream without faults counts its records and changes none`() throws {
    let schema = try Generating.clickstream()
    let settings = GenerationSettings(startMilliseconds: Generating.start, maximumCount: 5_000)
    let logged = Generator(try GenerationPlan(schema), settings, truth: Faulty.truth)
    #expect(Faulty.records(logged) == Faulty.records(Generator(try GenerationPlan(schema), settings)))
    logged.finishTruth()
    let lines = try Faulty.lines(logged.truth!)
    #expect(lines.allSatisfy { $0["truth"] as? String != "fault" })
    #expect((lines.last!["events"] as! [String: Int]).values.reduce(0, +) == 5_000)
    #expect(lines.last!["sent"] as? Int == 5_000 && lines.last!["numbers"] as? Int == 5_000)
  }

  @Test func `a bucket is written when nothing of it can come any more`() throws {
    let schema = try Faulty.schema(Faulty.model("late", rate: 0.5))  // late by at most 5 s
    let generator = Generator(
      try GenerationPlan(schema), GenerationSettings(startMilliseconds: Generating.start, eventsPerSecond: 1_000),
      truth: Faulty.truth)
    let batch = RecordBatch(slotCapacity: 100_000)
    generator.fill(batch, maximumCount: .max, before: (Generating.start + 19_000) * 1_000_000)
    #expect(!generator.truth!.text.string.contains("bucket\""))
    generator.fill(batch, maximumCount: .max, before: (Generating.start + 31_000) * 1_000_000)
    #expect(generator.truth!.text.string.matches(of: /"truth":"bucket"/).count == 2)
  }
}

/// Streams with faults, record by record.
enum Faulty {
  struct Record: Equatable {
    var value: [UInt8]
    var key: String?
    /// Of the event, in ms.
    var time: Int64
    /// In ns.
    var due: Int64
    var number: Int64
    var marks: RecordMarks

    var text: String { String(decoding: value, as: UTF8.self) }
    var isCopy: Bool { marks.contains(.duplicate) }

    /// The names of what befell it, or of being a copy: that of what befell its original is not said again.
    var labels: [String] { RecordMarks.faults.filter { marks.contains($0.mark) && (!isCopy || $0.mark == .duplicate) }.map(\.name) }

    func object() throws -> [String: Any] { try JSONSerialization.jsonObject(with: Data(value)) as! [String: Any] }
  }

  static let truth = TruthSettings(schemaPath: "faulty.yaml", programVersion: "1")

  /// Late and copied by up to 5 s.
  static func model(_ fault: String, rate: Double) -> FaultModel {
    let delayed = FaultModel.Delayed(rate: rate, delay: .exponential(mean: 1_000), maximumMilliseconds: 5_000)
    switch fault {
    case "late": return FaultModel(late: delayed)
    case "duplicate": return FaultModel(duplicate: delayed)
    case "reorder": return FaultModel(reorder: .init(rate: rate, delay: .constant(0), maximumMilliseconds: 500))
    case "drop": return FaultModel(dropRate: rate)
    case "corrupt": return FaultModel(corruptRate: rate)
    case "missing": return FaultModel(missing: .init(rate: rate, paths: []))
    default: return FaultModel(wrongType: .init(rate: rate, paths: []))
    }
  }

  static let all = FaultModel(
    late: model("late", rate: 0.05).late, duplicate: model("duplicate", rate: 0.05).duplicate,
    reorder: model("reorder", rate: 0.1).reorder, dropRate: 0.02, corruptRate: 0.02,
    skew: .init(rate: 0.05, offset: .uniform(-9_000, 9_000)), missing: .init(rate: 0.02, paths: []),
    wrongType: .init(rate: 0.02, paths: []))

  /// One event of seven fields, keyed by `user`.
  static func schema(_ faults: FaultModel, fields: String = "") throws -> EventSchema {
    var schema = try Generating.flat(
      """
      at: { time: event, format: epoch_ms }
      user: { from: user.id }
      amount: { float: [1, 2] }
      place: { object: { x: { int: [1, 9] }, y: { int: [10, 99] } } }
      note: { choice: ["a \\"b\\", c", déjà, x] }
      \(fields)
      """, output: "output: { key: user }")
    schema.faults = faults
    return schema
  }

  /// The records of so many seconds at 1000/s, or as many as come without a load.
  static func records(
    _ schema: EventSchema, seconds: Int64, load: Double? = 1_000, batchSize: Int = 512, stepMilliseconds: Int64? = nil,
    sentMilliseconds: ((Int) -> Int64)? = nil
  ) -> [Record] {
    let settings = GenerationSettings(
      startMilliseconds: Generating.start, eventsPerSecond: load, endMilliseconds: Generating.start + seconds * 1_000)
    return records(
      Generator(try! GenerationPlan(schema), settings), batchSize: batchSize, stepMilliseconds: stepMilliseconds,
      sentMilliseconds: sentMilliseconds)
  }

  /// All records until the generator has no more.
  static func records(
    _ generator: Generator, batchSize: Int = 512, stepMilliseconds: Int64? = nil, sentMilliseconds: ((Int) -> Int64)? = nil
  ) -> [Record] {
    let batch = RecordBatch(slotCapacity: batchSize, byteCapacity: 1 << 16)
    let times = UnsafeMutablePointer<Int64>.allocate(capacity: batchSize)
    defer { times.deallocate() }
    var records: [Record] = []
    var limit = stepMilliseconds == nil ? Int64.max : Generating.start * 1_000_000
    while generator.nextTimeNanoseconds < .max {
      if let stepMilliseconds, generator.nextTimeNanoseconds >= limit { limit += stepMilliseconds * 1_000_000 }
      generator.fill(
        batch, maximumCount: batchSize, before: limit, sentMilliseconds: sentMilliseconds?(records.count), times: times)
      for index in 0..<batch.count {
        let slot = batch.slots[index]
        records.append(
          Record(
            value: Array(batch.value(index)), key: batch.key(index).map { String(decoding: $0, as: UTF8.self) },
            time: slot.timestamp, due: times[index], number: slot.offset, marks: slot.marks))
      }
    }
    return records
  }

  static func lines(_ truth: TruthLog) throws -> [[String: Any]] {
    try truth.text.string.split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any]
    }
  }
}
