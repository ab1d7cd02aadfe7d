// What the renderer lends to the ops of a record: times, tables and places to write to, and what comes back of the record's key.

import Base

/// What a record's fields may ask for beside its ticket.
struct EventContext: BitwiseCopyable {
  let normals: NormalTable
  /// As the record says it: with the skew of its clock.
  var milliseconds: Int64 = .min
  /// Of the record, by the right clock; what is within its millisecond counts.
  var nanoseconds: Int64 = 0
  var sentMilliseconds: Int64 = .min
  var drawnMilliseconds: Int64 = 0
  /// 24 bytes each, with 8 behind them; the same place where both times are one.
  var timeText: UnsafeMutablePointer<UInt8>
  var sentText: UnsafeMutablePointer<UInt8>
  let scratchRow: Int
  /// Counters of loops and random states of rows, innermost last.
  var stack: UnsafeMutablePointer<UInt64>
  /// Where the key begins, and how long it is; -1 without one.
  var keyStart: UnsafeMutablePointer<UInt8>
  var keyCount: Int32 = -1
  var keyForm = KeyForm.inPlace
  /// Where the data of a CloudEvent begins.
  var dataStart: UnsafeMutablePointer<UInt8>
  /// 24 bytes for a key that stands in no record as text.
  let keyText: UnsafeMutablePointer<UInt8>

  /// How the bytes at `keyStart` make the key.
  enum KeyForm: UInt8, BitwiseCopyable {
    case inPlace
    /// With the escapes of JSON.
    case escaped
    /// With the doubled quotes of CSV.
    case doubledQuotes
    /// They are in no record.
    case outside
  }

  /// Entries of `stack`; the reader bounds how deep fields can be nested.
  static let stackDepth = 256

  /// Brings the text of the event's time up to date; within a second only three digits change.
  @inline(__always)
  mutating func setTime(_ newMilliseconds: Int64) {
    guard newMilliseconds != milliseconds else { return }
    let second = milliseconds / 1000
    let fraction = newMilliseconds &- second &* 1000
    if milliseconds > 0 && fraction >= 0 && fraction < 1000 {
      let hundreds = fraction / 100
      let rest = fraction &- hundreds &* 100
      timeText[20] = UInt8(truncatingIfNeeded: 48 &+ hundreds)
      timeText[21] = UInt8(truncatingIfNeeded: 48 &+ rest / 10)
      timeText[22] = UInt8(truncatingIfNeeded: 48 &+ rest % 10)
    } else {
      TimeText.writeRFC3339Milliseconds(newMilliseconds, to: timeText)
    }
    milliseconds = newMilliseconds
  }
}
