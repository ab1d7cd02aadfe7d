// What really happened, for whoever scores a stream's reader: NDJSON, in the order in which the records went out.
//
//     {"truth":"stream","version":1,"schema":"shop.yaml","seed":42,"start":1767225600000, ...}      what makes the stream again
//     {"truth":"fault","fault":"late","event":"page","number":17,"key":"u-1","event_time":..,"sent_time":..,"delay_ms":..}
//     {"truth":"bucket","start":..,"end":..,"events":{"page":120},"sent":118,"drop":2,"delay_ms_max":0}
//     {"truth":"end","numbers":5000,"events":{...},"sent":..., ...}
//
// A bucket is a part of event time; its line comes once nothing of it can be on its way any more. `number` counts the records of the clean
// stream. The log collects text; who drives the generator writes it out.

import Base
import Records
import Schema

/// What the log cannot know from the plan.
public struct TruthSettings: Sendable {
  /// Where the schema was read from.
  public var schemaPath: String
  /// The format that was asked for in place of the schema's.
  public var format: String?
  /// The program's version.
  public var programVersion: String
  public var bucketMilliseconds: Int64
  /// Whether records were sent by the clock rather than as fast as possible: then `time: sent` is no function of the seed.
  public var isRealTime: Bool

  public static let defaultBucketMilliseconds: Int64 = 10_000

  public init(
    schemaPath: String, format: String? = nil, programVersion: String, bucketMilliseconds: Int64 = defaultBucketMilliseconds,
    isRealTime: Bool = false
  ) {
    precondition(bucketMilliseconds > 0, "a bucket has a length")
    self.schemaPath = schemaPath
    self.format = format
    self.programVersion = programVersion
    self.bucketMilliseconds = bucketMilliseconds
    self.isRealTime = isRealTime
  }
}

/// Belongs to the thread that fills.
public final class TruthLog {
  private let plan: GenerationPlan
  private let settings: TruthSettings
  /// The stream's own; its start may move before the first record.
  var stream: GenerationSettings
  /// Lines that nobody has taken yet.
  public let text = ByteBuffer(capacity: 1 << 17)
  private var hasHeader = false

  // Counters of a bucket, and of all: sent, one per fault, unsent, the longest delay in ms, one per event.
  private typealias Counters = UnsafeMutablePointer<Int64>
  private let eventOfProgram: [Int]
  private let eventNames: [String]
  private let counterCount: Int
  private let totals: Counters
  private var buckets: [Int64: Counters] = [:]
  private var current: Counters
  private var currentStart = Int64.max
  private var currentEnd = Int64.min
  private let bucketNanoseconds: Int64
  /// Nothing of a bucket goes out so long after its end.
  private let longestDelay: Int64
  private var faultCount: Int64 = 0

  private static let sentCounter = 0
  private static let firstFaultCounter = 1
  private static let unsentCounter = firstFaultCounter + RecordMarks.faults.count
  private static let delayCounter = unsentCounter + 1
  private static let firstEventCounter = delayCounter + 1
  private static let anyFault = RecordMarks.faults.reduce(into: RecordMarks()) { $0.formUnion($1.mark) }

  /// Writes a record to learn its key.
  private let renderer: Renderer
  private let batch = RecordBatch(slotCapacity: 1, byteCapacity: 4096)
  private let tickets: TicketBuffer

  init(_ plan: GenerationPlan, _ stream: GenerationSettings, _ settings: TruthSettings) {
    self.plan = plan
    self.settings = settings
    self.stream = stream
    eventOfProgram = (0..<plan.programCount).map { Int(plan.programs[$0].event) }
    eventNames = plan.schema.events.map { JSONText.quoted($0.name) }
    counterCount = Self.firstEventCounter + eventNames.count
    totals = .allocate(capacity: counterCount)
    totals.initialize(repeating: 0, count: counterCount)
    current = totals
    bucketNanoseconds =
      settings.bucketMilliseconds.multipliedReportingOverflow(by: 1_000_000).overflow
      ? .max : settings.bucketMilliseconds * 1_000_000
    let faults = FaultPlan(plan)
    longestDelay = Int64(clamping: faults.delayMaximum).clampedAdding(nanoseconds: faults.repeatMaximum)
    renderer = Renderer(plan)
    tickets = TicketBuffer(rowCount: plan.layout.count, capacity: 1)
  }

  deinit {
    totals.deallocate()
    for counters in buckets.values { counters.deallocate() }
  }

  // MARK: - What happens

  /// A ticket goes out, as an original or as a copy.
  @inline(__always)
  func send(_ ticket: UnsafeMutablePointer<Ticket>, _ sentMilliseconds: Int64?) {
    let time = ticket.pointee.time
    if time < currentStart || time >= currentEnd { select(time, now: ticket.pointee.due) }
    current[Self.sentCounter] &+= 1
    if ticket.pointee.marks.isDisjoint(with: Self.anyFault) {
      current[Self.firstEventCounter &+ eventOfProgram[Int(ticket.pointee.program)]] &+= 1
    } else {
      sendFaulty(ticket, sentMilliseconds)
    }
  }

  @inline(never)
  private func sendFaulty(_ ticket: UnsafeMutablePointer<Ticket>, _ sentMilliseconds: Int64?) {
    let marks = ticket.pointee.marks
    let sent = sentMilliseconds ?? ticket.pointee.due.flooredMilliseconds
    let readsKey = key(of: ticket)
    // What befell the original is not said again of its copy.
    if marks.contains(.duplicate) {
      count(.duplicate)
      line("duplicate", ticket, readsKey, sent: sent, delay: sent - ticket.pointee.sent)
      return
    }
    count(event: ticket)
    let delay = (ticket.pointee.due &- ticket.pointee.time) / 1_000_000
    current[Self.delayCounter] = max(current[Self.delayCounter], delay)
    for (mark, name) in RecordMarks.faults where marks.contains(mark) {
      count(mark)
      let isDelay = mark == .late || mark == .reorder
      let field = mark == .missing || mark == .wrongType ? plan.faultyFields[ticket.pointee.program] : nil
      line(
        name, ticket, readsKey, sent: sent, delay: isDelay ? delay : nil, field: field,
        skew: mark == .skew ? ticket.pointee.skew : nil)
    }
  }

  /// A ticket that does not go out.
  func drop(_ ticket: UnsafeMutablePointer<Ticket>) {
    select(ticket.pointee.time, now: ticket.pointee.time)
    count(event: ticket)
    count(.drop)
    line("drop", ticket, key(of: ticket))
  }

  /// A ticket that was held back until the stream ended.
  private func leave(_ ticket: UnsafeMutablePointer<Ticket>) {
    // A copy that never came is no fault.
    guard !ticket.pointee.marks.contains(.duplicate) else { return }
    select(ticket.pointee.time, now: ticket.pointee.time)
    count(event: ticket)
    current[Self.unsentCounter] += 1
    line("unsent", ticket, key(of: ticket))
  }

  /// Completes the log: what is held back now is never sent.
  ///
  /// - Parameter numbers: how many records of the clean stream there were, those of other shards with them.
  func finish(unsent held: HeldTickets, numbers: UInt64) {
    let ticket = TicketBuffer(rowCount: plan.layout.count, capacity: 1)
    while held.count > 0 {
      held.pop(to: ticket.ticket(0))
      leave(ticket.ticket(0))
    }
    writeBuckets(endingBy: .max)
    writeHeader()
    text.append(#"{"truth":"end","numbers":"#)
    text.append(String(numbers))
    text.append(",")
    append(totals)
    text.append(",\"faults\":\(faultCount)}\n")
  }

  // MARK: - Counting

  private func count(_ mark: RecordMarks) {
    let bit = RecordMarks.faults.firstIndex { $0.mark == mark } ?? 0
    current[Self.firstFaultCounter + bit] += 1
  }

  private func count(event ticket: UnsafeMutablePointer<Ticket>) {
    current[Self.firstEventCounter + eventOfProgram[Int(ticket.pointee.program)]] += 1
  }

  /// Makes the bucket of `time` the current one, and writes those that are complete at `now`.
  @inline(never)
  private func select(_ time: Int64, now: Int64) {
    if time >= currentStart && time < currentEnd { return }
    let (quotient, remainder) = time.quotientAndRemainder(dividingBy: bucketNanoseconds)
    let index = remainder < 0 ? quotient - 1 : quotient
    if let known = buckets[index] {
      current = known
    } else {
      writeBuckets(endingBy: now.subtractingReportingOverflow(longestDelay).overflow ? .min : now - longestDelay)
      current = .allocate(capacity: counterCount)
      current.initialize(repeating: 0, count: counterCount)
      buckets[index] = current
    }
    (currentStart, currentEnd) = bounds(index)
  }

  /// Of event time, in ns.
  private func bounds(_ index: Int64) -> (start: Int64, end: Int64) {
    let start = index.multipliedReportingOverflow(by: bucketNanoseconds)
    let first = start.overflow ? (index < 0 ? Int64.min : .max) : start.partialValue
    return (first, first.clampedAdding(nanoseconds: bucketNanoseconds))
  }

  private func writeBuckets(endingBy time: Int64) {
    for index in buckets.keys.filter({ bounds($0).end <= time }).sorted() {
      guard let counters = buckets.removeValue(forKey: index) else { continue }
      let start = bounds(index).start
      writeHeader()
      text.append(#"{"truth":"bucket","start":"#)
      text.append(String(start.flooredMilliseconds))
      text.append(",\"end\":\(start.flooredMilliseconds.addingReportingOverflow(settings.bucketMilliseconds).partialValue),")
      append(counters)
      text.append("}\n")
      for place in 0..<counterCount where place != Self.delayCounter { totals[place] += counters[place] }
      totals[Self.delayCounter] = max(totals[Self.delayCounter], counters[Self.delayCounter])
      if counters == current { (currentStart, currentEnd) = (.max, .min) }
      counters.deallocate()
    }
  }

  // MARK: - Text

  private func writeHeader() {
    guard !hasHeader else { return }
    hasHeader = true
    let schema = plan.schema
    text.append(#"{"truth":"stream","version":1,"freshet":"#)
    text.append(JSONText.quoted(settings.programVersion))
    text.append(",\"schema\":\(JSONText.quoted(settings.schemaPath)),\"schema_hash\":\"\(SchemaFingerprint.text(of: schema))\"")
    if let format = settings.format { text.append(",\"format\":\(JSONText.quoted(format))") }
    // What tells the CloudEvents of one run from those of others.
    if let prefix = plan.formats.encoding.eventIdentifierPrefix, schema.outputs.contains(where: { $0.format == .cloudevents }) {
      text.append(",\"id_prefix\":\(JSONText.quoted(prefix))")
    }
    text.append(",\"name\":\(JSONText.quoted(schema.name)),\"seed\":\(plan.seed),\"start\":\(stream.startMilliseconds)")
    if let end = stream.endMilliseconds { text.append(",\"until\":\(end)") }
    if let count = stream.maximumCount { text.append(",\"count\":\(count)") }
    if let load = stream.load { text.append(",\"load\":\(LoadText.text(of: load))") }
    if let name = stream.streamName { text.append(",\"stream\":\(JSONText.quoted(name))") }
    text.append(",\"shard\":\"\(stream.shard.index)/\(stream.shard.count)\",\"realtime\":\(settings.isRealTime)")
    text.append(",\"bucket_ms\":\(settings.bucketMilliseconds)}\n")
  }

  private func line(
    _ fault: String, _ ticket: UnsafeMutablePointer<Ticket>, _ hasKey: Bool, sent: Int64? = nil, delay: Int64? = nil,
    field: String? = nil, skew: Int64? = nil
  ) {
    writeHeader()
    faultCount += 1
    text.append(#"{"truth":"fault","fault":""#)
    text.append(fault)
    text.append("\",\"event\":")
    text.append(eventNames[eventOfProgram[Int(ticket.pointee.program)]])
    number(",\"number\":", Int64(bitPattern: ticket.pointee.number))
    if hasKey, let key = batch.key(0) {
      text.append(",\"key\":")
      JSONText.appendQuoted(key, to: text)
    }
    number(",\"event_time\":", ticket.pointee.time.flooredMilliseconds)
    if let sent { number(",\"sent_time\":", sent) }
    if let delay { number(",\"delay_ms\":", delay) }
    if let field { text.append(",\"field\":\(JSONText.quoted(field))") }
    if let skew { number(",\"skew_ms\":", skew) }
    text.append("}\n")
  }

  private func append(_ counters: Counters) {
    text.append("\"events\":{")
    var isFirst = true
    for (index, name) in eventNames.enumerated() where counters[Self.firstEventCounter + index] > 0 {
      if !isFirst { text.append(",") }
      isFirst = false
      text.append(name)
      number(":", counters[Self.firstEventCounter + index])
    }
    number("},\"sent\":", counters[Self.sentCounter])
    for (index, fault) in RecordMarks.faults.enumerated() {
      text.append(",\"")
      text.append(fault.name)
      number("\":", counters[Self.firstFaultCounter + index])
    }
    number(",\"unsent\":", counters[Self.unsentCounter])
    number(",\"delay_ms_max\":", counters[Self.delayCounter])
  }

  private func number(_ name: StaticString, _ value: Int64) {
    text.append(name)
    text.reserve(NumberText.maximumByteCount)
    text.count += NumberText.write(value, to: text.base + text.count)
  }

  /// Writes the record aside to learn its key; false where it has none.
  private func key(of ticket: UnsafeMutablePointer<Ticket>) -> Bool {
    UnsafeMutableRawPointer(tickets.ticket(0)).copyMemory(from: ticket, byteCount: tickets.stride)
    tickets.count = 1
    renderer.begin(batch)
    renderer.append(tickets, to: batch)
    renderer.end(batch)
    return batch.slots[0].keyCount >= 0
  }
}

/// A hash of a schema as it was understood: comments, spaces and the order of keys aside. Versions of the program may differ in it.
public enum SchemaFingerprint {
  /// 16 hexadecimal digits.
  public static func text(of schema: EventSchema) -> String {
    let digits = String(GenerationSeeds.hash(String(describing: schema)), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// A load as JSON: `{"repeat":false,"random":false,"segments":[{"for_ms":1000,"from":5,"to":10}]}`. The last segment has no `for_ms` where it lasts.
enum LoadText {
  static func text(of load: LoadShape) -> String {
    let segments = load.segments.map { segment in
      var parts = segment.lengthMilliseconds.isFinite ? ["\"for_ms\":\(segment.lengthMilliseconds)"] : []
      switch segment.curve {
      case .line(let from, let to): parts += ["\"from\":\(from)", "\"to\":\(to)"]
      case .sine(let mean, let amplitude, let period):
        parts += ["\"mean\":\(mean)", "\"amplitude\":\(amplitude)", "\"period_ms\":\(period)"]
      }
      return "{\(parts.joined(separator: ","))}"
    }
    return "{\"repeat\":\(load.isRepeated),\"random\":\(load.isRandom),\"segments\":[\(segments.joined(separator: ","))]}"
  }
}
