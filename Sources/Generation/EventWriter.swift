// Runs the ops of one record: the inner loop of the generator. Everything it touches comes in by pointer or by value; stores may reach up to
// 64 bytes behind the cursor, which the caller has reserved.

import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

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
    _ firstOp: UnsafePointer<FieldOp>, _ ticket: UnsafeMutablePointer<Ticket>, to start: UnsafeMutablePointer<UInt8>,
    _ context: inout EventContext
  ) -> UnsafeMutablePointer<UInt8> {
    let rows = ticket.rows
    var out = start
    var op = firstOp
    var stack = context.stack
    var main = Random(state: ticket.pointee.fields)
    while true {
      copyPadded(op.pointee.literal, out, count: Int(op.pointee.literalCount))
      out += Int(op.pointee.literalCount)
      let row = Int(op.pointee.row)
      var random = main
      if row >= 0 { random = Random(state: Hash.mix(op.pointee.rowSeed, rows[row])) }
      switch op.pointee.kind {
      case .end: return out
      case .nothing: break
      case .keyStart: context.keyStart = out
      case .keyEnd: endKey(out, op.pointee.small != 0, &context)
      case .noKey: context.keyCount = -1
      case .skipBegin:
        stack.pointee = UInt64(UInt(bitPattern: out))
        stack += 1
      case .skipEnd:
        stack -= 1
        out = UnsafeMutablePointer(bitPattern: UInt(stack.pointee)).unsafelyUnwrapped
      case .trimComma: if out[-1] == UInt8(ascii: ",") { out -= 1 }
      case .dataStart: context.dataStart = out
      case .quoteCell:
        stack -= 1
        out = quoteCell(UnsafeMutablePointer(bitPattern: UInt(stack.pointee)).unsafelyUnwrapped, out)
      case .keyEndCell: endCellKey(context.keyStart, out, &context)
      case .cellsBegin: out = beginCells(count: Int(truncatingIfNeeded: op.pointee.second), at: out, &stack)
      case .cell: endCell(segment: Int(truncatingIfNeeded: op.pointee.second), at: out, stack)
      case .cellsEnd: out = endCells(op, at: out, &stack, &context)
      case .jump: op += Int(truncatingIfNeeded: op.pointee.second)
      case .chance: if random.next() < op.pointee.parameter { op += Int(truncatingIfNeeded: op.pointee.second) }
      case .unless:
        let small = op.pointee.small
        let isSo = ticket.pointee.flags.rawValue & UInt16(small & 127) != 0
        if isSo == (small & 128 != 0) { op += Int(truncatingIfNeeded: op.pointee.second) }
      case .branch:
        let raw = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
        let count = Int(truncatingIfNeeded: op.pointee.second)
        let way = AliasTable.sample(raw.assumingMemoryBound(to: AliasEntry.self), count: count, &random)
        op += Int((raw + count &* 8).assumingMemoryBound(to: Int32.self)[way])
      case .loop:
        let sampler = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
          .assumingMemoryBound(to: Sampler.self)
        let count = sampler.pointee.drawCount(&random, context.normals, maximum: Int(op.pointee.rowSeed))
        if count == 0 {
          op += Int(truncatingIfNeeded: op.pointee.second)
        } else {
          stack.pointee = UInt64(count)
          stack += 1
        }
      case .loopEnd:
        stack[-1] &-= 1
        if stack[-1] > 0 { op += Int(truncatingIfNeeded: op.pointee.second) } else { stack -= 1 }
      case .enterRow:
        stack.pointee = main.state
        stack += 1
        main = random
      case .leaveRow:
        stack -= 1
        main = Random(state: stack.pointee)
        random = main
      case .follow:
        let picker = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
          .assumingMemoryBound(to: RowPicker.self)
        rows[context.scratchRow] = picker.pointee.draw(&random, time: 0, elapsed: 0)
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
      case .characters: out = characters(op, &random, to: out)
      case .uuidV4:
        UUIDBits.v4(&random).write(to: out)
        out += 36
      case .uuidV7:
        UUIDBits.v7(milliseconds: context.milliseconds, &random).write(to: out)
        out += 36
      case .sessionIdentifier:
        ticket.pointee.identifier.write(to: out)
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
      case .double:
        let raw = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
        let number = raw.assumingMemoryBound(to: NumberParameters.self)
        out += NumberText.write(number.pointee.value(&random, context.normals), to: out)
      case .sequence:
        let raw = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
        let sequence = raw.assumingMemoryBound(to: SequenceParameters.self)
        let number = sequence.pointee.row >= 0 ? rows[sequence.pointee.row] : ticket.pointee.sequence
        let value = sequence.pointee.value(number)
        if value >= 0 {
          out += NumberText.write(UInt64(value), minimumDigits: sequence.pointee.minimumDigits, to: out)
        } else {
          out[0] = UInt8(ascii: "-")
          out += 1 + NumberText.write(value.magnitude, minimumDigits: sequence.pointee.minimumDigits, to: out + 1)
        }
      case .fact: out = fact(op.pointee.small, ticket, to: out)
      case .drawTime:
        let width = op.pointee.second
        let draw = width == 0 ? random.next() : random.below(width)
        context.drawnMilliseconds = Int64(bitPattern: op.pointee.parameter &+ draw)
      case .timeText:
        if op.pointee.small < 2 {
          copy32(op.pointee.small == 0 ? context.timeText : context.sentText, out)
        } else {
          TimeText.writeRFC3339Milliseconds(context.drawnMilliseconds, to: out)
        }
        out += 24
      case .timeTextSeconds:
        TimeText.writeRFC3339Milliseconds(time(op.pointee.small, context), to: out)
        out[19] = UInt8(ascii: "Z")
        out += 20
      case .timeMilliseconds: out += NumberText.write(time(op.pointee.small, context), to: out)
      case .timeSeconds:
        let time = time(op.pointee.small, context)
        out += NumberText.write(floorDivide(time, 1000), to: out)
      case .timeMicroseconds:
        out += NumberText.write(microseconds(op.pointee.small, context), to: out)
      case .timePattern:
        let parts = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
          .assumingMemoryBound(to: TimePatternPart.self)
        out = TimePattern.write(
          parts, count: Int(op.pointee.second), microseconds: microseconds(op.pointee.small, context), to: out)
      case .keyEndAvro: endBinaryKey(op, out, &context)
      case .textBegin:
        stack.pointee = UInt64(UInt(bitPattern: out))
        stack += 1
        out += 1
      case .textEnd:
        stack -= 1
        out = endText(UnsafeMutablePointer(bitPattern: UInt(stack.pointee)).unsafelyUnwrapped, out)
      case .binaryLoop:
        let sampler = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
          .assumingMemoryBound(to: Sampler.self)
        let count = sampler.pointee.drawCount(&random, context.normals, maximum: Int(op.pointee.rowSeed))
        if count == 0 {
          op += Int(truncatingIfNeeded: op.pointee.second)
        } else {
          out += AvroBinary.write(Int64(count), to: out)
          stack.pointee = UInt64(count)
          stack += 1
        }
      case .binaryInteger:
        let width = op.pointee.second
        let draw = width == 0 ? random.next() : random.below(width)
        out += AvroBinary.write(Int64(bitPattern: op.pointee.parameter &+ draw), to: out)
      case .binaryNumber:
        let raw = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
        let number = raw.assumingMemoryBound(to: NumberParameters.self)
        let scaled = number.pointee.draw(&random, context.normals)
        out += binaryNumber(scaled, number.pointee, to: out)
      case .binaryDouble:
        let raw = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
        let number = raw.assumingMemoryBound(to: NumberParameters.self)
        out += AvroBinary.write(number.pointee.value(&random, context.normals), to: out)
      case .binarySequence:
        let raw = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
        let sequence = raw.assumingMemoryBound(to: SequenceParameters.self)
        let number = sequence.pointee.row >= 0 ? rows[sequence.pointee.row] : ticket.pointee.sequence
        out += AvroBinary.write(sequence.pointee.value(number), to: out)
      case .binaryTime: out += AvroBinary.write(binaryTime(op, context), to: out)
      case .binaryFact: out += binaryFact(op.pointee.small, ticket, to: out)
      }
      if row < 0 { main = random }
      op += 1
    }
  }

  @inline(__always)
  static func time(_ small: UInt8, _ context: borrowing EventContext) -> Int64 {
    small == 0 ? context.milliseconds : small == 1 ? context.sentMilliseconds : context.drawnMilliseconds
  }

  /// Since the epoch, rounded down. Times far beyond the year 9999 are pinned to 285 000 years.
  static func microseconds(_ small: UInt8, _ context: borrowing EventContext) -> Int64 {
    let whole = min(max(time(small, context), -9_000_000_000_000_000), 9_000_000_000_000_000) * 1000
    guard small == 0 else { return whole }
    let rest = context.nanoseconds % 1_000_000
    return whole + (rest < 0 ? rest + 1_000_000 : rest) / 1000
  }

  @inline(never)
  private static func characters(
    _ op: UnsafePointer<FieldOp>, _ random: inout Random, to start: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    var out = start
    let blocks = UnsafeRawPointer(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped.assumingMemoryBound(to: UInt64.self)
    let setCount = UInt64(op.pointee.small) + 1
    let (least, most) = (op.pointee.rowSeed, op.pointee.second)
    let count = least == most ? most : least + random.below(most - least + 1)
    for _ in 0..<count {
      let block = blocks[Int(truncatingIfNeeded: random.next().multipliedFullWidth(by: setCount).high)]
      UnsafeMutableRawPointer(out).storeBytes(of: block.littleEndian, as: UInt64.self)
      out += Int(block >> 56)
    }
    return out
  }

  @inline(never)
  private static func fact(
    _ small: UInt8, _ ticket: UnsafeMutablePointer<Ticket>, to out: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    func text(_ text: StaticString) -> UnsafeMutablePointer<UInt8> {
      memcpy(out, text.utf8Start, text.utf8CodeUnitCount)
      return out + text.utf8CodeUnitCount
    }
    let flags = ticket.pointee.flags
    switch RecordFact(rawValue: small) {
    case .isBot: return text(flags.contains(.bot) ? "true" : "false")
    case .isIdentified: return text(flags.contains(.identified) ? "true" : "false")
    case .step, .version: return out + NumberText.write(Int64(ticket.pointee.step), to: out)
    case .startedAt:
      let time = ticket.pointee.startedAt
      return out + NumberText.write(floorDivide(time, 1_000_000), to: out)
    case .number: return out + NumberText.write(ticket.pointee.number, minimumDigits: 1, to: out)
    case .operation: return text(flags.contains(.delete) ? "delete" : flags.contains(.update) ? "update" : "create")
    case nil: return out
    }
  }

  /// The key is the text between the quotes, or the whole text of a value without any; `null` is none.
  @inline(__always)
  private static func endKey(_ end: UnsafeMutablePointer<UInt8>, _ mayHaveEscapes: Bool, _ context: inout EventContext) {
    let count = end - context.keyStart
    if context.keyStart[0] == UInt8(ascii: "\"") {
      context.keyStart += 1
      context.keyCount = Int32(truncatingIfNeeded: count &- 2)
      context.keyForm = mayHaveEscapes ? .escaped : .inPlace
    } else {
      context.keyCount = context.keyStart[0] == UInt8(ascii: "n") ? -1 : Int32(truncatingIfNeeded: count)
      context.keyForm = .inPlace
    }
  }
}
