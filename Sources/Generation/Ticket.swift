// A ticket is a record before it is written: everything that its bytes depend on, decided by the simulation. So sessions can be walked on one
// thread and bytes be written on others, a record can be held back or sent twice, and skipping one changes no other.
//
//     [ Ticket | row 0 | row 1 | ... ]       all of one size, `RowLayout.count` rows

import Base
import Records
import Schema

struct Ticket: BitwiseCopyable {
  /// When it happens, ns since the epoch.
  var time: Int64
  /// When it should be sent: later than `time` where a fault holds it back.
  var due: Int64
  /// State of the random stream that the record's fields draw from.
  var fields: UInt64
  /// Counts the records of the sessions together, or of one stream, from 0.
  var sequence: UInt64
  /// Counts all records from 0.
  var number: UInt64
  /// The same for all records of a session, different for every other; a stream's record is a session of its own.
  var session: UInt64
  var identifier: UUIDBits
  /// Of the session, ns since the epoch.
  var startedAt: Int64
  /// How far the clock that writes `time` is wrong, in ms.
  var skew: Int64
  /// Counts the records of the session from 1; the version of a changed row.
  var step: UInt32
  /// Index into the plan's programs.
  var program: UInt16
  var marks: RecordMarks
  var flags: SessionFlags
  /// Of a copy: when its original was sent, in ms since the epoch; else `Int64.min`.
  var sent = Int64.min
}

/// What a session is at the moment, and what a change does.
struct SessionFlags: OptionSet, BitwiseCopyable {
  let rawValue: UInt16

  static let identified = SessionFlags(rawValue: 1)
  static let bot = SessionFlags(rawValue: 2)
  /// A session of another shard: it is walked, and not written.
  static let foreign = SessionFlags(rawValue: 4)
  static let update = SessionFlags(rawValue: 8)
  static let delete = SessionFlags(rawValue: 16)
  /// The record goes out a second time.
  static let repeated = SessionFlags(rawValue: 32)
  /// No record of the session follows.
  static let last = SessionFlags(rawValue: 64)

  /// For `OpKind.unless`: the flag, with bit 7 set where it must not be.
  static func code(_ condition: SessionCondition) -> UInt8 {
    switch condition {
    case .identified: 1
    case .anonymous: 1 | 128
    case .bot: 2
    case .human: 2 | 128
    }
  }
}

/// Which rows a ticket has. Sessions: actor, device, bindings. Streams: the record's number or the changed row, the row in its version, bindings.
struct RowLayout {
  /// Bindings of the sessions or of the stream with the most, with the bindings of the records that streams refer to.
  var bindingCount: Int

  init(_ schema: EventSchema) {
    let streams = schema.streams.map { stream in
      Self.nestedBase(of: stream.bindings.count, stream, schema)
    }
    bindingCount = max(schema.sessions?.bindings.count ?? 0, streams.max() ?? 0)
  }

  let actor = 0
  let device = 1
  let record = 0
  let changedRow = 0
  let changedVersion = 1
  var scratch: Int { bindingCount + 2 }
  var count: Int { bindingCount + 3 }

  func binding(_ index: Int) -> Int { 2 + index }
  func streamBinding(_ index: Int) -> Int { 2 + index }

  /// Where the rows begin that the record bound at `index` has bound itself.
  static func nestedBase(of index: Int, _ stream: StreamModel, _ schema: EventSchema) -> Int {
    stream.bindings[..<index].reduce(stream.bindings.count) { base, binding in
      guard case .stream(let other, _) = binding.target else { return base }
      return base + schema.streams[other].bindings.count
    }
  }
}

/// Tickets in one block, reused.
final class TicketBuffer {
  let base: UnsafeMutableRawPointer
  let stride: Int
  let capacity: Int
  var count = 0

  init(rowCount: Int, capacity: Int) {
    stride = Self.stride(rowCount: rowCount)
    self.capacity = capacity
    base = .allocate(byteCount: stride * capacity, alignment: 64)
    base.initializeMemory(as: UInt8.self, repeating: 0, count: stride * capacity)
  }

  deinit { base.deallocate() }

  static func stride(rowCount: Int) -> Int { MemoryLayout<Ticket>.stride + rowCount * 8 }

  @inline(__always)
  func ticket(_ index: Int) -> UnsafeMutablePointer<Ticket> {
    (base + index &* stride).assumingMemoryBound(to: Ticket.self)
  }
}

extension UnsafeMutablePointer<Ticket> {
  /// The rows behind the ticket.
  @inline(__always)
  var rows: UnsafeMutablePointer<UInt64> { UnsafeMutableRawPointer(self + 1).assumingMemoryBound(to: UInt64.self) }
}
