// One step of writing a record: copy a literal, then write one value or decide where to go on. Ops are flat and 40 bytes, so that a record
// is a short walk over consecutive memory with one switch per field.
//
//     {"type":"page","userId":"   uuid of the actor's row   ","position":   17   }\n
//     [ literal                 | op .uuidV4 ] [ literal    | op .integer ] [ literal | op .end ]
//
// Jumps are relative: an op that jumps goes on `second` ops after the next one.

import Base
import Schema

/// What an op does behind its literal.
enum OpKind: UInt8, BitwiseCopyable {
  // MARK: Structure
  /// The record is complete.
  case end
  /// Nothing: a literal before a place that others jump to.
  case nothing
  /// The record's key begins or ends here. `keyEnd` of a key that may hold escapes has `small` 1.
  case keyStart
  case keyEnd
  /// The record has no key after all.
  case noKey
  /// Takes back what was written since `skipBegin`; its draws stay drawn.
  case skipBegin
  case skipEnd
  /// Takes back a comma, if that is the last byte.
  case trimComma
  /// The data of a CloudEvent begins.
  case dataStart

  // MARK: Flow
  case jump
  /// Jumps with the probability `parameter` / 2^64.
  case chance
  /// Jumps unless the session is as `small` says (`SessionFlags`, bit 7 for the opposite).
  case unless
  /// One of `second` ways: `parameter` points at alias entries, then 32-bit jumps.
  case branch
  /// Draws a count from the sampler at `parameter`, at most `rowSeed`, and jumps if it is 0; else the ops up to `loopEnd` run so often.
  case loop
  /// Jumps back.
  case loopEnd
  /// The random stream is that of a row until `leaveRow`.
  case enterRow
  case leaveRow
  /// Draws a row of another entity into the scratch row: `parameter` points at a `RowPicker`.
  case follow

  // MARK: Values
  /// One of `second` texts of at most 31 bytes: `parameter` points at 32-byte blocks, the count in the last byte, then alias entries.
  case shortChoice
  /// The same with 16-byte `ChoiceText` entries.
  case longChoice
  /// `rowSeed` to `second` characters (evenly), each one of those at `parameter`: `small` + 1 blocks of 8 bytes, the count in the last byte.
  case characters
  case uuidV4
  /// With the time of the event.
  case uuidV7
  case sessionIdentifier
  /// `parameter` is the lower bound, `second` the number of values, 0 for 2^64.
  case integer
  /// `parameter` points at a `NumberParameters`.
  case number
  /// The same, in the shortest text that reads back as the same double.
  case double
  /// `parameter` points at a `SequenceParameters`.
  case sequence
  /// One of the session's or the change's facts: `small` is a `RecordFact`.
  case fact
  /// Draws a time for the ops with `small` 2: `parameter` is the lower bound in ms, `second` the number of values.
  case drawTime
  /// `small` is 0 for the time of the event, 1 for that of sending, 2 for the drawn one.
  case timeText
  case timeTextSeconds
  case timeMilliseconds
  case timeSeconds
  case timeMicroseconds
  /// `parameter` points at `second` `TimePatternPart`s.
  case timePattern

  // MARK: CSV
  /// Puts what was written since `skipBegin` in quotes where it needs them.
  case quoteCell
  case keyEndCell
  /// A record whose cells come in another order than their columns, in `second` segments.
  case cellsBegin
  /// What was written since the last one is segment `second`.
  case cell
  /// Puts the segments in order: `parameter` points at one `CellSegment` for each of the low half of `second`, whose high half is how many commas come
  /// last. The key is in segment `rowSeed`, -1 for none.
  case cellsEnd

  // MARK: Avro
  /// The key's value ends here. `small` is the `KeyKind` of a value that is no union, 255 for a union: `parameter` points at one per branch.
  case keyEndAvro
  /// A text begins whose length is known at `textEnd`.
  case textBegin
  case textEnd
  /// As `loop`, with the count in front of the items.
  case binaryLoop
  /// As the ops with the same names.
  case binaryInteger
  case binaryNumber
  case binaryDouble
  case binarySequence
  case binaryFact
  /// `small` as in `timeText`; `second` is a `TimeUnit`.
  case binaryTime
}

struct FieldOp: BitwiseCopyable {
  /// At least 32 readable bytes, and 32 more than `literalCount` rounded down.
  var literal: UnsafePointer<UInt8>
  var literalCount: UInt32
  var kind: OpKind
  var small: UInt8 = 0
  /// Whose random stream the value belongs to: a row of the ticket, or -1 for the record itself.
  var row: Int16 = -1
  /// What is mixed with the row's number into the field's random state.
  var rowSeed: UInt64 = 0
  var parameter: UInt64 = 0
  var second: UInt64 = 0
}

/// What `OpKind.fact` writes.
enum RecordFact: UInt8, BitwiseCopyable {
  case isBot
  case isIdentified
  case step
  case startedAt
  case version
  case operation
  /// The record's number in the whole stream.
  case number

  init(_ fact: SessionFact) {
    switch fact {
    case .isBot: self = .isBot
    case .isIdentified: self = .isIdentified
    case .step: self = .step
    case .startedAt: self = .startedAt
    }
  }

  init(_ fact: ChangeFact) { self = fact == .version ? .version : .operation }
}

/// A part of a CSV line that is written as one, and how many commas stand in front of it.
struct CellSegment: BitwiseCopyable {
  var index: UInt32
  var separators: UInt32
}

/// What `OpKind.binaryTime` counts.
enum TimeUnit: UInt64 {
  case milliseconds
  /// Milliseconds of whole seconds.
  case wholeSeconds
  case seconds
  case microseconds
}

/// What a key can be in Avro.
enum KeyKind: UInt8, BitwiseCopyable {
  /// Null.
  case nothing
  case text
  case integer
}

/// A text of a choice: padded like a literal.
struct ChoiceText: BitwiseCopyable {
  var text: UnsafePointer<UInt8>
  var count: Int
}

/// How a number is drawn and written.
struct NumberParameters: BitwiseCopyable {
  var sampler: Sampler
  var decimals: UInt8
  var low: Double
  var high: Double
  /// 10 to the power `decimals`.
  var scale: Double

  @inline(__always)
  func value(_ random: inout Random, _ table: NormalTable) -> Double { min(max(sampler.draw(&random, table), low), high) }

  /// A value in units of the last decimal, clamped; ties away from zero.
  @inline(__always)
  func draw(_ random: inout Random, _ table: NormalTable) -> Int64 {
    // Clamping before the conversion keeps it in range: what is above 2^62 units is written as 2^62 units.
    let scaled = min(max(value(&random, table) * scale, -0x1p62), 0x1p62)
    return Int64(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
  }
}

/// A counter's course.
struct SequenceParameters: BitwiseCopyable {
  /// The row that is counted, or -1 for the record.
  var row: Int
  var start: Int64
  var step: Int64
  /// 0 for no end.
  var period: UInt64
  var minimumDigits: Int

  /// `number` counts from 0.
  @inline(__always)
  func value(_ number: UInt64) -> Int64 {
    let place = period == 0 ? number : number % period
    return start &+ Int64(bitPattern: place) &* step
  }
}
