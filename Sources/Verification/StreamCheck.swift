// Compares a stream as it was received with the truth about it. The stream is made again from the truth's header and labels while the received
// one is read; what stands in both cancels out, so memory holds only what is on one side alone, or on its way.
//
//     clean stream + labels --expected--> [ hash -> how many more are expected than received ] <--received-- reader
//
// A record is known by a hash of its bytes; in real time without the times of sending.

import Base
import Codec
import Generation
import Records
import Schema

public struct StreamReport: Sendable {
  public static let exampleCount = 5

  /// A kind of disagreement: how often, and the first few.
  public struct Finding: Sendable {
    public var count = 0
    public var examples: [String] = []
    private let exampleLimit: Int

    init(exampleLimit: Int = StreamReport.exampleCount) { self.exampleLimit = exampleLimit }

    /// Whether another example is wanted: most are not, and cost time to describe.
    var wantsExample: Bool { examples.count < exampleLimit }

    mutating func add(_ example: String) {
      count += 1
      if wantsExample { examples.append(example) }
    }
  }

  public var receivedCount = 0
  public var expectedCount = 0
  public var copyCount = 0
  /// Received records that do not read as JSON, and how many the truth says there are.
  public var unreadableCount = 0
  public var corruptCount = 0
  public var droppedCount = 0
  public var unsentCount = 0
  public var lateCount = 0
  public var missing = Finding()
  public var unexpected = Finding()
  /// Records that came before one that was sent earlier.
  public var misplaced = Finding()
  /// Buckets of event time of which more or fewer records came than were sent.
  public var buckets = Finding()
  /// What the truth's buckets and totals say, and its stream and labels do not.
  public var contradictions = Finding()

  /// Whether everything is as the truth says.
  public var agrees: Bool {
    [missing, unexpected, misplaced, buckets, contradictions].allSatisfy { $0.count == 0 } && unreadableCount == corruptCount
  }
}

public struct StreamCheck {
  private let truth: TruthFile
  private let schema: EventSchema
  private let checksOrder: Bool
  private let generator: LabelledGenerator
  private let expectedBatch = RecordBatch(slotCapacity: 256)
  private let mask: SentMask
  /// Lines that are no records: the names of columns.
  private let headers: Set<UInt64>
  private let masked = ByteBuffer()
  private let json = JSONColumnReader(paths: [FieldPath(["-"])])
  private let columns = Columns(columnCount: 1)
  private var balances: [UInt64: Balance] = [:]
  private var counted: [Int64: TruthFile.Counts] = [:]
  private var arrived: [Int64: Int64] = [:]
  private var lastDue: [PartitionIndex: Int64] = [:]
  private var report = StreamReport()
  private var expectedCount = 0
  /// Texts of records that nobody expects yet, by hash; not of more than these.
  private var texts: [UInt64: String] = [:]
  private static let textCountMax = 1000
  /// How long the first record of a topic may take.
  private static let firstRecordMilliseconds: Int64 = 20_000
  /// Records that are made before they are received.
  private static let aheadMax = 1_000_000

  /// How many more records with a hash are expected than have come, and the last one of them.
  private struct Balance {
    var count = 0
    var number: Int64 = -1
    var time: Int64 = 0
    var due: Int64 = 0
    var event: UInt16 = 0
    var copies = 0
    /// The times of all, where there are several with these bytes.
    var times: [Int64] = []
  }

  /// - Parameter checksOrder: whether the order of each partition is that of sending.
  public init(_ truth: TruthFile, _ plan: GenerationPlan, checksOrder: Bool) throws(Failure) {
    self.truth = truth
    schema = plan.schema
    self.checksOrder = checksOrder
    generator = truth.generator(plan)
    mask = SentMask(plan.schema)
    headers = Set(
      plan.schema.outputs.indices.compactMap { plan.header(ofOutput: $0) }.map { header in
        header.withUnsafeBufferPointer { Hash.bytes($0.baseAddress!, count: max($0.count - 1, 0)) }
      })
    let formats = Set(plan.schema.outputs.map(\.format))
    guard !truth.header.isRealTime || mask.isEmpty || formats.isSubset(of: [.json, .cloudevents]) else {
      throw Failure(
        .badConfiguration,
        "records that say when they were sent in real time can only be compared as JSON; expected a truth of simulated time")
    }
  }

  private var masks: Bool { truth.header.isRealTime && !mask.isEmpty }

  /// Reads the source to its end, or until nothing has come for so long, and compares.
  public mutating func run(_ source: any Source, untilIdleMilliseconds: Int64) throws -> StreamReport {
    let batch = RecordBatch()
    var idle: Int64 = 0
    reading: while true {
      switch try source.poll(into: batch, maximumCount: 4096, timeoutMilliseconds: 100) {
      case .records:
        idle = 0
        receive(batch)
      case .idle:
        idle += 100
        // To join a group takes its time.
        let limit = report.receivedCount > 0 ? untilIdleMilliseconds : max(untilIdleMilliseconds, Self.firstRecordMilliseconds)
        if !source.isBounded, idle >= limit { break reading }
      case .assigned(let partitions):
        try source.start(partitions, at: [])
      case .revoked, .lost: continue
      case .endOfInput: break reading
      }
    }
    while expect() {}
    finish()
    return report
  }

  // MARK: - Received

  private mutating func receive(_ batch: RecordBatch) {
    // Those that are held back are expected already.
    let ahead = min(truth.labels.count, Self.aheadMax)
    while expectedCount < report.receivedCount + batch.count + ahead, expect() {}
    json.decode(batch, into: columns)
    for row in 0..<batch.count {
      let status = columns.statuses[row]
      let isUnreadable = status == .malformed
      // A tombstone of Kafka is a line 'null'.
      let hash = status == .empty ? Self.null : hash(batch.value(row))
      if let hash, headers.contains(hash) { continue }
      report.receivedCount += 1
      if isUnreadable { report.unreadableCount += 1 }
      // What became of a damaged time of sending, no seed knows either.
      guard let hash, !(masks && isUnreadable) else { continue }
      var balance = balances[hash] ?? Balance()
      balance.count -= 1
      if balance.count >= 0 {
        match(&balance, batch.slots[row].partition)
      } else {
        if texts.count < Self.textCountMax {
          texts[hash] = "at \(batch.slots[row].offset): \(String(decoding: batch.value(row).prefix(160), as: UTF8.self))"
        }
        if balance.number < 0 { balance.due = batch.slots[row].offset }
      }
      balances[hash] = balance.count == 0 ? nil : balance
    }
  }

  private mutating func match(_ balance: inout Balance, _ partition: PartitionIndex) {
    let isShared = !balance.times.isEmpty
    arrived[bucket(isShared ? balance.times.removeFirst() : balance.time), default: 0] += 1
    // Copies look as their originals, which come first.
    guard checksOrder, !isShared, balance.count >= balance.copies else { return }
    let tolerance: Int64 = truth.header.isRealTime ? 2 : 1
    let last = lastDue[partition] ?? .min
    if last > balance.due + tolerance {
      let record = report.misplaced.wantsExample ? description(balance) : ""
      report.misplaced.add("\(record) came \(last - balance.due) ms too late, or one before it too early")
    }
    lastDue[partition] = balance.due
  }

  // MARK: - Expected

  /// Makes the next records of the stream; false at its end.
  private mutating func expect() -> Bool {
    guard generator.fill(expectedBatch) else { return false }
    for row in 0..<expectedBatch.count {
      let slot = expectedBatch.slots[row]
      let labels = truth.labels[slot.offset]
      count(slot, labels)
      let copies = labels?.copyCount ?? 0
      guard labels?.isSent ?? true else { continue }
      expectedCount += 1 + copies
      if labels?.marks.contains(.late) ?? false { report.lateCount += 1 }
      if labels?.marks.contains(.corrupt) ?? false { report.corruptCount += 1 + copies }
      let isDamaged = labels?.marks.contains(.corrupt) ?? false
      guard let hash = hash(expectedBatch.value(row)), !(masks && isDamaged) else { continue }
      var balance = balances[hash] ?? Balance()
      if balance.count > 0 {
        if balance.times.isEmpty { balance.times = Array(repeating: balance.time, count: balance.count) }
        balance.times += Array(repeating: slot.timestamp, count: 1 + copies)
      }
      // Records that came before they were expected are those of a copy or of a stream read faster than made.
      let early = min(max(-balance.count, 0), 1 + copies)
      balance.count += 1 + copies
      (balance.number, balance.time, balance.event) = (slot.offset, slot.timestamp, slot.event)
      balance.due = slot.timestamp + (labels?.delayMilliseconds ?? 0)
      balance.copies = copies
      arrived[bucket(slot.timestamp), default: 0] += Int64(early)
      balances[hash] = balance.count == 0 ? nil : balance
    }
    return true
  }

  private mutating func count(_ slot: RecordSlot, _ labels: RecordLabels?) {
    let bucket = bucket(slot.timestamp)
    let copies = Int64(labels?.copyCount ?? 0)
    if counted[bucket] == nil {
      counted[bucket] = TruthFile.Counts(numbers: Dictionary(uniqueKeysWithValues: TruthFile.Counts.names.map { ($0, 0) }))
    }
    counted[bucket]!.events[schema.events[Int(slot.event)].name, default: 0] += 1
    if labels?.isSent ?? true { counted[bucket]!.numbers["sent"]! += 1 + copies }
    guard let labels else { return }
    if labels.isUnsent {
      counted[bucket]!.numbers["unsent"]! += 1
      report.unsentCount += 1
    }
    counted[bucket]!.numbers["duplicate"]! += copies
    report.copyCount += Int(copies)
    if labels.marks.contains(.drop) { report.droppedCount += 1 }
    for (mark, name) in RecordMarks.faults where mark != .duplicate && labels.marks.contains(mark) {
      counted[bucket]!.numbers[name]! += 1
    }
  }

  // MARK: - In the end

  private mutating func finish() {
    report.expectedCount = expectedCount
    for (hash, balance) in balances.sorted(by: { ($0.value.number, $0.value.due) < ($1.value.number, $1.value.due) }) {
      let isMissing = balance.count > 0
      let wantsText = isMissing ? report.missing.wantsExample : report.unexpected.wantsExample
      let record = wantsText && balance.number >= 0 ? description(balance) : ""
      for _ in 0..<max(balance.count, 0) { report.missing.add(record) }
      for _ in 0..<max(-balance.count, 0) {
        report.unexpected.add(balance.number >= 0 ? "\(record), once more" : texts[hash] ?? "a record at \(balance.due)")
      }
    }
    for bucket in Set(counted.keys).union(truth.buckets.keys).sorted() {
      let mine = counted[bucket] ?? TruthFile.Counts()
      let sent = mine.numbers["sent"] ?? 0
      let came = arrived[bucket] ?? 0
      let name = TimeText.rfc3339(bucket)
      // What cannot be told apart is not counted by bucket.
      if came != sent, !masks || truth.total.numbers["corrupt"] == 0 {
        report.buckets.add("\(name): \(came) of \(sent) records came")
      }
      contradict(name, mine, truth.buckets[bucket])
    }
    var total = TruthFile.Counts()
    for counts in counted.values {
      total.events.merge(counts.events, uniquingKeysWith: +)
      total.numbers.merge(counts.numbers, uniquingKeysWith: +)
    }
    contradict("the end", total, truth.total)
    if report.unreadableCount != report.corruptCount,
      schema.outputs.contains(where: { $0.format != .json && $0.format != .cloudevents })
    {
      // Only JSON can be told from what is none; the others were compared by their bytes.
      report.unreadableCount = report.corruptCount
    }
  }

  private mutating func contradict(_ name: String, _ mine: TruthFile.Counts, _ theirs: TruthFile.Counts?) {
    guard let theirs else {
      return report.contradictions.add("\(name): no line of the truth, \(mine.numbers["sent"] ?? 0) records sent")
    }
    for key in TruthFile.Counts.names where (mine.numbers[key] ?? 0) != theirs.numbers[key] ?? 0 {
      report.contradictions.add("\(name): '\(key)' is \(theirs.numbers[key] ?? 0), by its labels \(mine.numbers[key] ?? 0)")
    }
    for key in Set(mine.events.keys).union(theirs.events.keys).sorted() where mine.events[key] ?? 0 != theirs.events[key] ?? 0 {
      report.contradictions.add("\(name): \(theirs.events[key] ?? 0) of '\(key)', by its stream \(mine.events[key] ?? 0)")
    }
  }

  private func bucket(_ time: Int64) -> Int64 {
    let width = truth.header.bucketMilliseconds
    let rest = time % width
    return time - (rest < 0 ? rest + width : rest)
  }

  private static let null: UInt64 = Array("null".utf8).withUnsafeBufferPointer { Hash.bytes($0.baseAddress!, count: 4) }

  /// Nil for what cannot be known again.
  private func hash(_ value: UnsafeBufferPointer<UInt8>) -> UInt64? {
    guard let start = value.baseAddress else { return 0 }
    guard masks else { return Hash.bytes(start, count: value.count) }
    return mask.copy(value, to: masked) ? Hash.bytes(masked.base, count: masked.count) : nil
  }

  private func description(_ balance: Balance) -> String {
    let labels = truth.labels[balance.number]
    var names = RecordMarks.faults.filter { labels?.marks.contains($0.mark) ?? false }.map(\.name)
    if labels?.copyCount ?? 0 > 0 { names.append("duplicate") }
    return
      "record \(balance.number) ('\(schema.events[Int(balance.event)].name)' at \(TimeText.rfc3339(balance.time))\(names.isEmpty ? "" : ", \(names.joined(separator: ", "))"))"
  }
}
