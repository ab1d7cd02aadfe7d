// Runs a program over records. Numbers are read before it is known whether they end inside the record: a number has at most 10 bytes, a
// batch has 64 readable bytes behind it, and after each operation the cursor is compared with the record's end. Lengths are compared with
// what is left before anything is passed over. A record is valid only if the cursor stands at its end when the program does.

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

struct AvroScanner {
  typealias Cursor = UnsafePointer<UInt8>

  let program: AvroProgram
  private let operations: UnsafeMutablePointer<AvroOperation>
  let nodes: UnsafeMutablePointer<AvroTypeNode>
  /// The first column; nil where nothing is stored.
  let values: UnsafeMutablePointer<ColumnValue>?
  /// Values from one column to the next.
  let stride: Int
  let text: DeferredText
  /// Behind the record.
  var end: Cursor
  var row = 0
  /// The buffer's size up to which the record may make text.
  var textCountMax = 0
  /// What the record is, when the program has ended.
  private(set) var status = RecordStatus.valid
  private(set) var faultPosition: Cursor
  private(set) var faultReason = AvroFault.Reason.truncated
  private var faultName: Int32 = 0

  init(_ program: AvroProgram, values: UnsafeMutablePointer<ColumnValue>?, stride: Int, text: DeferredText, end: Cursor) {
    self.program = program
    operations = program.operations
    nodes = program.nodes
    self.values = values
    self.stride = stride
    self.text = text
    self.end = end
    faultPosition = end
  }

  /// Text that a record may make: names of fields and symbols can be longer than the bytes that stand for them.
  static func textCountMax(forByteCount byteCount: Int) -> Int { 1 << 16 + 64 * byteCount }

  /// Reads the record from `start` to `end` into the row. False where it is malformed; `status` says what it is otherwise.
  @inline(__always)
  mutating func record(_ start: Cursor) -> Bool {
    status = .valid
    guard let closed = run(0, start, depth: 0) else { return false }
    if closed == end || status != .valid { return true }
    faultName = 0
    return fail(closed, .trailingBytes) != nil
  }

  /// Passes over one record that begins at `start` and ends before `end` somewhere. Returns what lies behind it.
  mutating func recordEnd(_ start: Cursor) -> Cursor? { run(0, start, depth: 0) }

  /// The path of the field that was being read when the record turned out to be malformed.
  var faultField: String { program.names[Int(faultName)] }

  /// Makes the row's values missing.
  func clearRow() {
    guard let values else { return }
    for column in 0..<program.columnCount { values[column &* stride &+ row] = ColumnValue(kind: .missing) }
  }

  // MARK: - Operations

  /// Runs from the operation at `address` to the next end.
  mutating func run(_ address: Int32, _ start: Cursor, depth: Int) -> Cursor? {
    var cursor = start
    var operation = operations + Int(address)
    while true {
      let current = operation.pointee
      operation += 1
      if current.nullByte != AvroOperation.neverNull {
        var branch = cursor[0]
        if branch | 2 == 2 {
          cursor += 1
        } else {
          guard let behind = longBranch(cursor, &branch, current) else { return nil }
          cursor = behind
        }
        if branch == current.nullByte {
          guard cursor <= end else { return fail(end, .truncated, current) }
          if current.column >= 0 { store(.null, current) }
          continue
        }
      }
      switch current.action {
      case .end: return cursor
      case .skipLongs:
        var rest = current.argument
        while rest > 0, cursor < end {
          guard let behind = skipLong(cursor) else {
            _ = tooLong(cursor)
            return name(current, current.argument - rest)
          }
          cursor = behind
          rest -= 1
        }
        guard rest == 0, cursor <= end else { return fail(end, .truncated, current, max(0, current.argument - rest - 1)) }
      case .skipBytes:
        var rest = current.argument
        while rest > 0 {
          guard let behind = skipBytes(cursor) else { return name(current, current.argument - rest) }
          cursor = behind
          rest -= 1
        }
      case .skipFixed:
        guard end - cursor >= Int(current.argument) else { return fail(end, .truncated, current) }
        cursor += Int(current.argument)
      case .skipType:
        guard let behind = skip(Int(current.argument), cursor, depth: depth + 1) else { return name(current) }
        cursor = behind
      case .takeLong:
        var number: Int64 = 0
        guard let behind = long(cursor, &number) else { return name(current) }
        cursor = behind
        store(ColumnValue(integer: number), current)
      case .takeString:
        var byteCount = 0
        guard let behind = bytes(cursor, &byteCount) else { return name(current) }
        let start = behind - byteCount
        guard UTF8Check.isValid(start, count: byteCount) else { return fail(start, .encoding, current) }
        cursor = behind
        store(
          ColumnValue(kind: .string, bits: UInt64(UInt(bitPattern: start)), byteCount: UInt32(truncatingIfNeeded: byteCount)),
          current)
      case .takeDouble:
        guard end - cursor >= 8 else { return fail(end, .truncated, current) }
        store(Self.number(Self.double(cursor)), current)
        cursor += 8
      case .takeInt:
        var number: Int64 = 0
        guard let behind = long(cursor, &number) else { return name(current) }
        guard number == Int64(Int32(truncatingIfNeeded: number)) else { return fail(cursor, .intRange, current) }
        cursor = behind
        store(ColumnValue(integer: number), current)
      case .takeFloat:
        guard end - cursor >= 4 else { return fail(end, .truncated, current) }
        store(Self.number(Double(Self.float(cursor))), current)
        cursor += 4
      case .takeBool:
        guard cursor < end else { return fail(end, .truncated, current) }
        guard cursor[0] <= 1 else { return fail(cursor, .bool, current) }
        store(ColumnValue(bool: cursor[0] == 1), current)
        cursor += 1
      case .takeType, .takeTypeAndStay:
        let value = values.unsafelyUnwrapped + (Int(current.column) &* stride &+ row)
        guard let behind = take(Int(current.argument), cursor, into: value, depth: depth + 1) else { return name(current) }
        if current.action == .takeType { cursor = behind }
      case .union:
        var branch: Int64 = 0
        guard let behind = long(cursor, &branch) else { return name(current) }
        let table = program.jumps + Int(current.argument)
        guard branch >= 0, branch < Int64(table[0]) else { return fail(cursor, .branch, current) }
        cursor = behind
        operation = operations + Int(table[1 + Int(branch)])
      case .jump: operation = operations + Int(current.argument)
      case .map:
        guard let behind = map(current, cursor, depth: depth + 1) else { return name(current) }
        cursor = behind
      case .noRecord:
        status = RecordStatus(rawValue: UInt8(truncatingIfNeeded: current.argument)) ?? .malformed
        return cursor
      }
    }
  }

  /// A branch of a union of two whose number is written longer than it need be, or wrong.
  @inline(never)
  private mutating func longBranch(_ start: Cursor, _ byte: inout UInt8, _ operation: AvroOperation) -> Cursor? {
    var branch: Int64 = 0
    guard let behind = long(start, &branch) else { return name(operation) }
    guard branch == 0 || branch == 1 else { return fail(start, .branch, operation) }
    byte = UInt8(branch) << 1
    return behind
  }

  @inline(__always)
  private func store(_ value: ColumnValue, _ operation: AvroOperation) {
    values.unsafelyUnwrapped[Int(operation.column) &* stride &+ row] = value
  }

  /// The entries of a map of which some keys are wanted.
  private mutating func map(_ operation: AvroOperation, _ start: Cursor, depth: Int) -> Cursor? {
    guard depth <= AvroProgram.depthMax else { return fail(start, .depth) }
    let table = program.jumps + Int(operation.argument)
    let keys = program.keys + Int(table[1])
    let type = Int(table[2])
    var blocks = AvroBlocks()
    var cursor = start
    while true {
      guard let first = nextBlock(cursor, &blocks) else { return nil }
      cursor = first
      if blocks.count == 0 { return cursor }
      guard blocks.count <= end - cursor else { return fail(cursor, .length) }
      for _ in 0..<blocks.count {
        var byteCount = 0
        guard let behind = bytes(cursor, &byteCount) else { return nil }
        cursor = behind
        var address: Int32 = -1
        for index in 0..<Int(table[0])
        where keys[index].text.count == byteCount && memcmp(keys[index].text.start, behind - byteCount, byteCount) == 0 {
          address = keys[index].address
          for column in 0..<Int(keys[index].columnCount) {
            let column = Int(program.jumps[Int(keys[index].firstColumn) + column])
            values.unsafelyUnwrapped[column &* stride &+ row] = ColumnValue(kind: .missing)
          }
        }
        guard let next = address >= 0 ? run(address, cursor, depth: depth) : skip(type, cursor, depth: depth) else { return nil }
        cursor = next
      }
      guard blocks.endsAt(cursor) else { return fail(cursor, .block) }
    }
  }

  // MARK: - Faults

  /// Notes what went wrong, and where.
  @inline(never)
  mutating func fail(_ position: Cursor, _ reason: AvroFault.Reason) -> Cursor? {
    faultPosition = position
    faultReason = position >= end && reason != .trailingBytes ? .truncated : reason
    return nil
  }

  private mutating func fail(
    _ position: Cursor, _ reason: AvroFault.Reason, _ operation: AvroOperation, _ index: Int32 = 0
  ) -> Cursor? {
    faultName = operation.name + index
    return fail(position, reason)
  }

  /// Says in which field the noted fault is, unless an operation further inside has said so.
  private mutating func name(_ operation: AvroOperation, _ index: Int32 = 0) -> Cursor? {
    if faultName == 0 { faultName = operation.name + index }
    return nil
  }
}
