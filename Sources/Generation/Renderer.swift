// From tickets to bytes: runs each ticket's program into a batch. It depends on nothing but the plan and the tickets, so several may work on
// different tickets at once.

import Base
import Records
import Schema

/// Writes tickets. Belongs to one thread.
final class Renderer {
  private let plan: GenerationPlan
  private var context: EventContext
  private let timeTexts: UnsafeMutablePointer<UInt8>
  /// The time whose text stands in the second half of `timeTexts`; `Int64.min` for none.
  private var sentTextMilliseconds = Int64.min
  private let stack: UnsafeMutablePointer<UInt64>
  /// Keys whose bytes are not in their values: the record's index, and where its key begins in `keys`.
  private var strayKeys: [(index: Int, start: Int, count: Int)] = []
  private let keys = ByteBuffer(capacity: 256)

  init(_ plan: GenerationPlan) {
    self.plan = plan
    timeTexts = .allocate(capacity: 128)
    timeTexts.initialize(repeating: 0, count: 128)
    stack = .allocate(capacity: EventContext.stackDepth)
    stack.initialize(repeating: 0, count: EventContext.stackDepth)
    context = EventContext(
      normals: .shared, timeText: timeTexts, sentText: timeTexts, scratchRow: plan.layout.scratch, stack: stack,
      keyStart: timeTexts, dataStart: timeTexts, keyText: timeTexts + 96)
  }

  deinit {
    timeTexts.deallocate()
    stack.deallocate()
  }

  /// Empties the batch.
  func begin(_ batch: RecordBatch) { batch.removeAll() }

  /// Writes the tickets behind what the batch holds.
  ///
  /// - Parameter sentMilliseconds: the time that `time: sent` writes; nil for when each record is due.
  func append(_ tickets: TicketBuffer, to batch: RecordBatch, sentMilliseconds: Int64? = nil) {
    batch.reserveSlots(tickets.count)
    let recordRoom = plan.maximumRecordByteCount
    let slots = batch.slots + batch.count
    let first = batch.count
    var context = context
    let programs = plan.programs
    batch.bytes.reserve(recordRoom)
    var base = batch.bytes.base
    var cursor = base + batch.bytes.count
    var roomEnd = base + batch.bytes.capacity - recordRoom
    for index in 0..<tickets.count {
      if cursor > roomEnd {
        batch.bytes.count = cursor - base
        batch.bytes.reserve(max(recordRoom, batch.bytes.capacity))
        cursor = batch.bytes.base + (cursor - base)
        base = batch.bytes.base
        roomEnd = base + batch.bytes.capacity - recordRoom
      }
      let ticket = tickets.ticket(index)
      context.nanoseconds = ticket.pointee.time
      let milliseconds = ticket.pointee.time.flooredMilliseconds
      context.setTime(milliseconds &+ ticket.pointee.skew)
      if sentMilliseconds == nil && ticket.pointee.due == ticket.pointee.time && ticket.pointee.skew == 0 {
        context.sentMilliseconds = context.milliseconds
        context.sentText = context.timeText
      } else {
        let copied = ticket.pointee.sent
        setSent(copied != .min ? copied : sentMilliseconds ?? ticket.pointee.due.flooredMilliseconds, &context)
      }
      let program = programs + Int(ticket.pointee.program)
      let hasKey = program.pointee.hasKey
      if hasKey {
        // Where an object that holds the key is null, nothing says that there is none.
        context.keyCount = -1
        context.keyForm = .inPlace
      }
      let start = cursor
      cursor = EventWriter.write(program.pointee.ops, ticket, to: cursor, &context)
      let isChanged = !ticket.pointee.marks.isDisjoint(with: [.tombstone, .corrupt])
      if hasKey && (context.keyForm != .inPlace || isChanged) { keepKey(first &+ index, context) }
      if isChanged { cursor = change(ticket, program, from: start, to: cursor, context) }
      slots[index] = RecordSlot(
        valueStart: UInt32(truncatingIfNeeded: start - base),
        valueCount: UInt32(truncatingIfNeeded: cursor - start - Int(program.pointee.lineFeedCount)),
        keyStart: UInt32(truncatingIfNeeded: context.keyStart - base), keyCount: hasKey ? context.keyCount : -1,
        timestamp: milliseconds, offset: Int64(bitPattern: ticket.pointee.number), event: program.pointee.event,
        marks: ticket.pointee.marks)
    }
    self.context = context
    batch.count = first + tickets.count
    batch.bytes.count = cursor - base
  }

  /// Completes the batch: what follows its lines.
  func end(_ batch: RecordBatch) {
    batch.lineByteCount = plan.hasLines ? batch.bytes.count : 0
    appendStrayKeys(to: batch)
  }

  @inline(never)
  private func setSent(_ milliseconds: Int64, _ context: inout EventContext) {
    context.sentText = timeTexts + 64
    context.sentMilliseconds = milliseconds
    // The context may have pointed at the event's own time since this text was written.
    guard sentTextMilliseconds != milliseconds else { return }
    sentTextMilliseconds = milliseconds
    TimeText.writeRFC3339Milliseconds(milliseconds, to: context.sentText)
  }

  /// The bytes of a record that is not what its program wrote.
  @inline(never)
  private func change(
    _ ticket: UnsafeMutablePointer<Ticket>, _ program: UnsafePointer<ProgramPlan>, from start: UnsafeMutablePointer<UInt8>,
    to end: UnsafeMutablePointer<UInt8>, _ context: EventContext
  ) -> UnsafeMutablePointer<UInt8> {
    if ticket.pointee.marks.contains(.tombstone) { return writeAbsence(program, at: start, context) }
    let event = plan.schema.events[Int(program.pointee.event)]
    let lineFeedCount = Int(program.pointee.lineFeedCount)
    let count = Damage.apply(
      to: start, count: end - start - lineFeedCount, format: plan.schema.outputs[event.output].format, seed: plan.seed, ticket)
    if lineFeedCount > 0 { start[count] = 10 }
    return start + count + lineFeedCount
  }

  /// Writes what stands for a record without a value in the place of the record whose key was kept last.
  @inline(never)
  private func writeAbsence(
    _ program: UnsafePointer<ProgramPlan>, at start: UnsafeMutablePointer<UInt8>, _ context: EventContext
  ) -> UnsafeMutablePointer<UInt8> {
    var out = start
    func write(_ bytes: some Sequence<UInt8>) {
      for byte in bytes {
        out.pointee = byte
        out += 1
      }
    }
    switch program.pointee.absence {
    case .null: write("null\n".utf8)
    case .nullData:
      out = context.dataStart
      write("null}\n".utf8)
    case .nothing: break
    case .nullBranch: write([0])
    case .keyCell:
      let separator = UInt8(ascii: ",")
      let hasKey = program.pointee.hasKey && context.keyCount >= 0
      let keyColumn = hasKey ? Int(program.pointee.keyColumn) : 0
      write(repeatElement(separator, count: keyColumn))
      if hasKey, let key = strayKeys.last {
        write(CSVColumns.cell(String(decoding: UnsafeBufferPointer(start: keys.base + key.start, count: key.count), as: UTF8.self)))
      } else if program.pointee.columnCount == 1 {
        write("\"\"".utf8)
      }
      write(repeatElement(separator, count: max(Int(program.pointee.columnCount) - 1 - keyColumn, 0)))
      write("\n".utf8)
    }
    return out
  }

  // MARK: - Keys that stand in no value

  @inline(never)
  private func keepKey(_ index: Int, _ context: EventContext) {
    guard context.keyCount >= 0 else { return }
    let start = keys.count
    let count = Int(context.keyCount)
    keys.reserve(count)
    switch context.keyForm {
    case .escaped: keys.count += EscapedText.undo(context.keyStart, count: count, to: keys.base + start)
    case .doubledQuotes: keys.count += EscapedText.undoQuotes(context.keyStart, count: count, to: keys.base + start)
    case .inPlace, .outside: keys.append(context.keyStart, count: count)
    }
    strayKeys.append((index, start, keys.count - start))
  }

  /// Puts these keys behind the lines.
  private func appendStrayKeys(to batch: RecordBatch) {
    guard !strayKeys.isEmpty else { return }
    for (index, start, count) in strayKeys {
      batch.slots[index].keyStart = UInt32(batch.bytes.count)
      batch.slots[index].keyCount = Int32(count)
      batch.bytes.append(keys.base + start, count: count)
    }
    strayKeys.removeAll(keepingCapacity: true)
    keys.removeAll()
  }
}
