// One step of writing an event: copy a literal, then write one value. Ops are flat and 40 bytes, so that an event is a short walk over
// consecutive memory with one switch per field.
//
//     {"type":"page","userId":"   uuid of the actor's row   ","position":   17   }\n
//     [ literal                 | op .uuidV4 ] [ literal    | op .integer ] [ literal | op .end ]

import Base

/// What an op writes behind its literal.
enum OpKind: UInt8, BitwiseCopyable {
  /// Nothing; the event is complete.
  case end
  /// Nothing; the record's key begins or ends here. `end` of a key that may hold escapes has `small` 1.
  case keyStart
  case keyEnd
  /// One of `second` texts of at most 31 bytes: `parameter` points at 32-byte blocks, the count in the last byte, then alias entries.
  case shortChoice
  /// The same with 16-byte `ChoiceText` entries.
  case longChoice
  case uuidV4
  /// With the time of the event.
  case uuidV7
  case sessionIdentifier
  /// `parameter` is the lower bound, `second` the number of values, 0 for 2^64.
  case integer
  /// `parameter` points at a `NumberParameters`.
  case number
  /// The row's number or the event's, from 1, with at least `small` digits.
  case sequence
  /// `small` is 0 for the time of the event, 1 for that of sending.
  case timeText
  case timeMilliseconds
  case timeSeconds
  /// Nothing; draws a row of another entity into the scratch row. `second` is the entity's row count, `parameter` its sampler or 0.
  case follow
}

struct FieldOp: BitwiseCopyable {
  /// At least 32 readable bytes, and 32 more than `literalCount` rounded down.
  var literal: UnsafePointer<UInt8>
  var literalCount: UInt32
  var kind: OpKind
  var small: UInt8 = 0
  /// Whose random stream and number the value belongs to: a row of the session (0 the actor, then the bindings, then the scratch row), or -1
  /// for the event itself.
  var row: Int16 = -1
  /// What is mixed with the row's number into the field's random state.
  var rowSeed: UInt64 = 0
  var parameter: UInt64 = 0
  var second: UInt64 = 0
}

/// A text of a choice: padded like a literal.
struct ChoiceText: BitwiseCopyable {
  var text: UnsafePointer<UInt8>
  var count: Int
}

/// How a number is drawn and written.
struct NumberParameters: BitwiseCopyable {
  enum Shape: UInt8, BitwiseCopyable {
    case constant
    case lognormal
    case exponential
    case uniform
  }

  var shape: Shape
  var decimals: UInt8
  /// Lognormal: logarithm of the median, sigma. Exponential: mean, unused. Uniform: low, width. Constant: the value.
  var first: Double
  var second: Double
  var low: Double
  var high: Double
  /// 10 to the power `decimals`.
  var scale: Double

  /// A value in units of the last decimal, clamped; ties away from zero.
  @inline(__always)
  func draw(_ random: inout Random, _ table: NormalTable) -> Int64 {
    let value: Double
    switch shape {
    case .constant: value = first
    case .lognormal: value = FloatMath.exp(first + second * random.normal(table))
    case .exponential: value = first * random.exponential()
    case .uniform: value = first + second * random.unit()
    }
    // Clamping before the conversion keeps it in range: what is above 2^62 units is written as 2^62 units.
    let scaled = min(max(min(max(value, low), high) * scale, -0x1p62), 0x1p62)
    return Int64(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
  }
}
