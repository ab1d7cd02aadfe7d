// Runs the ops of one event: the inner loop of the generator. Everything it touches comes in by pointer or by value; stores may reach up to
// 64 bytes behind the cursor, which the caller has reserved.

import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What an event's fields may ask for beside the session.
struct EventContext: BitwiseCopyable {
  let normals: NormalTable
  var milliseconds: Int64 = .min
  var sentMilliseconds: Int64 = .min
  /// 24 bytes each, with 8 behind them; the same place where both times are one.
  var timeText: UnsafeMutablePointer<UInt8>
  var sentText: UnsafeMutablePointer<UInt8>
  /// Counts the events from 1.
  var sequence: UInt64 = 0
  var scratchRow: Int
  /// Where the key begins, and how long it is; -1 without one.
  var keyStart: UnsafeMutablePointer<UInt8>
  var keyCount: Int32 = -1
  var keyMayHaveEscapes = false

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

enum EventWriter {
  @inline(__always)
  static func copy32(_ source: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<UInt8>) {
    let from = UnsafeRawPointer(source)
    let to = UnsafeMutableRawPointer(out)
    let first = from.loadUnaligned(as: SIMD16<UInt8>.self)
    let second = from.loadUnaligned(fromByteOffset: 16, as: SIMD16<UInt8>.self)
    to.storeBytes(of: first, as: SIMD16<UInt8>.self)
    to.storeBytes(of: second, toByteOffset: 16, as: SIMD16<UInt8>.self)
  }

  /// Copies a padded text in steps of 32 bytes.
  @inline(__always)
  static func copyPadded(_ source: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<UInt8>, count: Int) {
    copy32(source, out)
    var done = 32
    while done < count {
      copy32(source + done, out + done)
      done &+= 32
    }
  }

  /// Writes one record with its line feed; returns the cursor behind it.
  @inline(__always)
  static func write(
    _ firstOp: UnsafePointer<FieldOp>, to start: UnsafeMutablePointer<UInt8>, random session: inout Random, identifier: UUIDBits,
    rows: UnsafeMutablePointer<UInt64>, context: inout EventContext
  ) -> UnsafeMutablePointer<UInt8> {
    var out = start
    var op = firstOp
    while true {
      copyPadded(op.pointee.literal, out, count: Int(op.pointee.literalCount))
      out += Int(op.pointee.literalCount)
      let row = Int(op.pointee.row)
      var random = session
      if row >= 0 { random = Random(state: Hash.mix(op.pointee.rowSeed, rows[row])) }
      switch op.pointee.kind {
      case .end: return out
      case .keyStart: context.keyStart = out
      case .keyEnd: endKey(out, op.pointee.small != 0, &context)
      case .shortChoice:
        let texts = UnsafePointer<UInt8>(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
        let count = Int(truncatingIfNeeded: op.pointee.second)
        let entries = UnsafeRawPointer(texts + count &* 32).assumingMemoryBound(to: AliasEntry.self)
        let text = texts + AliasTable.sample(entries, count: count, &random) &* 32
        copy32(text, out)
        out += Int(text[31])
      case .longChoice:
        let raw = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
        let count = Int(truncatingIfNeeded: op.pointee.second)
        let entries = (raw + count &* 16).assumingMemoryBound(to: AliasEntry.self)
        let index = AliasTable.sample(entries, count: count, &random)
        let text = raw.assumingMemoryBound(to: ChoiceText.self)[index]
        copyPadded(text.text, out, count: text.count)
        out += text.count
      case .uuidV4:
        UUIDBits.v4(&random).write(to: out)
        out += 36
      case .uuidV7:
        UUIDBits.v7(milliseconds: context.milliseconds, &random).write(to: out)
        out += 36
      case .sessionIdentifier:
        identifier.write(to: out)
        out += 36
      case .integer:
        let width = op.pointee.second
        let draw = width == 0 ? random.next() : random.below(width)
        out += NumberText.write(Int64(bitPattern: op.pointee.parameter &+ draw), to: out)
      case .number:
        let raw = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
        let number = raw.assumingMemoryBound(to: NumberParameters.self)
        let scaled = number.pointee.draw(&random, context.normals)
        out += NumberText.writeFixed(scaled, decimals: Int(number.pointee.decimals), to: out)
      case .sequence:
        let value = row >= 0 ? rows[row] &+ 1 : context.sequence
        out += NumberText.write(value, minimumDigits: Int(op.pointee.small), to: out)
      case .timeText:
        copy32(op.pointee.small == 0 ? context.timeText : context.sentText, out)
        out += 24
      case .timeMilliseconds:
        out += NumberText.write(op.pointee.small == 0 ? context.milliseconds : context.sentMilliseconds, to: out)
      case .timeSeconds:
        let time = op.pointee.small == 0 ? context.milliseconds : context.sentMilliseconds
        out += NumberText.write(time / 1000 - (time % 1000 < 0 ? 1 : 0), to: out)
      case .follow:
        rows[context.scratchRow] = RowPicker(count: op.pointee.second, sampler: op.pointee.parameter).draw(&random)
      }
      if row < 0 { session = random }
      op += 1
    }
  }

  /// The key is the text between the quotes, or the whole text of a value without any; `null` is none.
  @inline(__always)
  private static func endKey(_ end: UnsafeMutablePointer<UInt8>, _ mayHaveEscapes: Bool, _ context: inout EventContext) {
    let count = end - context.keyStart
    if context.keyStart[0] == UInt8(ascii: "\"") {
      context.keyStart += 1
      context.keyCount = Int32(truncatingIfNeeded: count &- 2)
      context.keyMayHaveEscapes = mayHaveEscapes
    } else {
      context.keyCount = context.keyStart[0] == UInt8(ascii: "n") ? -1 : Int32(truncatingIfNeeded: count)
      context.keyMayHaveEscapes = false
    }
  }
}
