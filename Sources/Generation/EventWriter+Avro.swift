// The ops of Avro records that are more than a few instructions, and keys.

import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension EventWriter {
  /// Puts the length of a text in front of it: `start` has one byte for it, which is enough for 63 bytes. Returns the cursor behind the text.
  @inline(__always)
  static func endText(
    _ start: UnsafeMutablePointer<UInt8>, _ end: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    let count = end - start &- 1
    guard count > 63 else {
      start.pointee = UInt8(truncatingIfNeeded: count &* 2)
      return end
    }
    return endLongText(start, count)
  }

  @inline(never)
  private static func endLongText(_ start: UnsafeMutablePointer<UInt8>, _ count: Int) -> UnsafeMutablePointer<UInt8> {
    let length = AvroBinary.bytes(Int64(count))
    memmove(start + length.count, start + 1, count)
    for (index, byte) in length.enumerated() { start[index] = byte }
    return start + length.count + count
  }

  /// The double that is nearest to the decimal number, which is what a reader makes of its text.
  @inline(__always)
  static func binaryNumber(_ scaled: Int64, _ number: borrowing NumberParameters, to out: UnsafeMutablePointer<UInt8>) -> Int {
    if number.decimals == 0 { return AvroBinary.write(scaled, to: out) }
    // Both are exact, so their quotient is rounded once.
    if scaled.magnitude <= 1 << 53 { return AvroBinary.write(Double(scaled) / number.scale, to: out) }
    return longNumber(scaled, decimals: Int(number.decimals), to: out)
  }

  @inline(never)
  private static func longNumber(_ scaled: Int64, decimals: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
    let text = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberText.maximumByteCount) { buffer in
      let count = NumberText.writeFixed(scaled, decimals: decimals, to: buffer.baseAddress!)
      return String(decoding: buffer[..<count], as: UTF8.self)
    }
    return AvroBinary.write(Double(text) ?? 0, to: out)
  }

  @inline(__always)
  static func binaryTime(_ op: UnsafePointer<FieldOp>, _ context: borrowing EventContext) -> Int64 {
    let small = op.pointee.small
    func floor(_ value: Int64, _ divisor: Int64) -> Int64 {
      let quotient = value / divisor
      return value - quotient * divisor < 0 ? quotient - 1 : quotient
    }
    switch op.pointee.second {
    case TimeUnit.wholeSeconds.rawValue: return floor(time(small, context), 1000) &* 1000
    case TimeUnit.seconds.rawValue: return floor(time(small, context), 1000)
    case TimeUnit.microseconds.rawValue: return microseconds(small, context)
    default: return time(small, context)
    }
  }

  @inline(never)
  static func binaryFact(_ small: UInt8, _ ticket: UnsafeMutablePointer<Ticket>, to out: UnsafeMutablePointer<UInt8>) -> Int {
    let flags = ticket.pointee.flags
    switch RecordFact(rawValue: small) {
    case .isBot:
      out.pointee = flags.contains(.bot) ? 1 : 0
      return 1
    case .isIdentified:
      out.pointee = flags.contains(.identified) ? 1 : 0
      return 1
    case .step, .version: return AvroBinary.write(Int64(ticket.pointee.step), to: out)
    case .startedAt: return AvroBinary.write(ticket.pointee.startedAt.flooredMilliseconds, to: out)
    case .number: return AvroBinary.write(Int64(bitPattern: ticket.pointee.number), to: out)
    case .operation:
      let operation = AvroBinary.bytes(flags.contains(.delete) ? "delete" : flags.contains(.update) ? "update" : "create")
      for (index, byte) in operation.enumerated() { out[index] = byte }
      return operation.count
    case nil: return 0
    }
  }

  /// The key is the text of a text, the digits of a long.
  @inline(never)
  static func endBinaryKey(_ op: UnsafePointer<FieldOp>, _ end: UnsafeMutablePointer<UInt8>, _ context: inout EventContext) {
    context.keyCount = -1
    context.keyForm = .inPlace
    var kind = op.pointee.small
    if kind == .max {
      let branch = AvroBinary.read(context.keyStart)
      context.keyStart += branch.count
      let kinds = UnsafePointer<UInt8>(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
      kind = kinds[Int(branch.value)]
    }
    switch KeyKind(rawValue: kind) {
    case .text:
      let length = AvroBinary.read(context.keyStart)
      context.keyStart += length.count
      context.keyCount = Int32(truncatingIfNeeded: length.value)
    case .integer:
      let value = AvroBinary.read(context.keyStart).value
      context.keyCount = Int32(NumberText.write(value, to: context.keyText))
      context.keyStart = context.keyText
      context.keyForm = .outside
    case .nothing, nil: break
    }
  }
}
