// The blocks of a container and the records in them, and what becomes of those that are damaged.

import Base
import Codec
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension AvroSource {
  /// Takes the next block apart as far as its records; true where it is not whole yet.
  func readBlock(_ batch: RecordBatch) -> Bool {
    guard let header else { preconditionFailure("blocks come behind a header") }
    let bytes = unread
    if bytes.isEmpty {
      if isAtEnd { state = .end }
      return !isAtEnd
    }
    var reader = AvroHeaderReader(bytes, from: 0)
    guard let count = reader.long(), let byteCount = reader.long() else {
      return reader.isMalformed ? damage("its length is no number") : truncated()
    }
    guard (0...Int64(Self.blockByteCountMax)).contains(byteCount), count >= 0 else {
      return damage("it says that it has \(count) records in \(byteCount) bytes")
    }
    let end = reader.position + Int(byteCount)
    guard end + Self.syncByteCount <= bytes.count else { return truncated() }
    guard header.sync.elementsEqual(bytes[end..<end + Self.syncByteCount]) else {
      return damage("there is no sync marker where it ends")
    }
    block.removeAll()
    let content = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[reader.position..<end])
    if let decompressor {
      do { try decompressor.decompress(content, into: block, byteCountMax: Self.blockByteCountMax) } catch {
        return pass(end + Self.syncByteCount, batch, error.message)
      }
    } else {
      block.append(UnsafeBufferPointer(rebasing: bytes[reader.position..<end]))
    }
    // Only records of no fields have no bytes.
    guard count <= max(Int64(block.count), 1 << 16) else {
      return pass(end + Self.syncByteCount, batch, "it says that it has \(count) records in \(block.count) bytes")
    }
    blockOffset = offset
    position += end + Self.syncByteCount
    blockPosition = 0
    blockRecordCount = Int(count)
    blockRecordsGiven = 0
    if count == 0, block.count > 0 {
      giveUnreadable(
        batch, "the block at byte \(blockOffset) is damaged: it says that it has no records, but has \(block.count) bytes")
    }
    return false
  }

  /// The block is not whole: more has to come, or the file ends in it.
  private func truncated() -> Bool {
    guard isAtEnd else { return true }
    return damage("the file ends in it")
  }

  /// Where the block ends is not known either: the next sync marker decides.
  private func damage(_ reason: String) -> Bool {
    state = .search(from: offset, reason: reason)
    return false
  }

  /// Passes over a block whose end is known.
  private func pass(_ byteCount: Int, _ batch: RecordBatch, _ reason: String) -> Bool {
    let start = offset
    position += byteCount
    giveUnreadable(batch, "the block at byte \(start) is damaged: \(reason)")
    return false
  }

  func search(_ batch: RecordBatch, _ start: Offset, _ reason: String) -> Bool {
    guard let header else { preconditionFailure("blocks come behind a header") }
    let bytes = unread
    var index = 0
    while index + Self.syncByteCount <= bytes.count {
      guard let found = memchr(bytes.baseAddress! + index, Int32(header.sync[0]), bytes.count - index - Self.syncByteCount + 1)
      else { break }
      index = UnsafeRawPointer(found) - UnsafeRawPointer(bytes.baseAddress!)
      if header.sync.elementsEqual(bytes[index..<index + Self.syncByteCount]) {
        position += index + Self.syncByteCount
        state = .block
        giveUnreadable(
          batch, "the block at byte \(start) is damaged: \(reason); \(offset - start) bytes to the next sync marker are lost")
        return false
      }
      index += 1
    }
    guard isAtEnd else {
      position += max(0, bytes.count - Self.syncByteCount + 1)
      return true
    }
    position += bytes.count
    state = .end
    giveUnreadable(
      batch, "the block at byte \(start) is damaged: \(reason); \(offset - start) bytes to the end of the file are lost")
    return false
  }

  // MARK: Records

  func giveRecords(_ batch: RecordBatch, _ maximumCount: Int) {
    guard let splitter, let header else { preconditionFailure("records come behind a header") }
    batch.schema = header.schema
    let rest = UnsafeBufferPointer(start: UnsafePointer(block.base + blockPosition), count: block.count - blockPosition)
    let given = give(rest, splitter, min(maximumCount - batch.count, blockRecordCount - blockRecordsGiven), batch) {
      recordNumber + $0
    }
    blockRecordsGiven += given.count
    recordNumber += Offset(given.count)
    blockPosition += given.byteCount
    if var fault = given.fault {
      fault.byteIndex += blockPosition - given.byteCount
      let lost = blockRecordCount - blockRecordsGiven
      giveUnreadable(
        batch,
        "the block at byte \(blockOffset) is damaged: its record \(blockRecordsGiven + 1) of \(blockRecordCount): malformed Avro at \(fault); "
          + "\(lost) \(lost == 1 ? "record is" : "records are") lost")
      blockRecordsGiven = blockRecordCount
    } else if blockRecordsGiven == blockRecordCount, blockPosition < block.count {
      giveUnreadable(
        batch, "the block at byte \(blockOffset) is damaged: \(block.count - blockPosition) bytes follow its last record")
    }
  }

  /// Gives records one behind the other, of which the first have the offsets that `offset` tells.
  private func give(
    _ bytes: UnsafeBufferPointer<UInt8>, _ splitter: AvroSplitter, _ maximumCount: Int, _ batch: RecordBatch,
    offset: (_ index: Offset) -> Offset
  ) -> (count: Int, byteCount: Int, fault: AvroFault?) {
    batch.reserveSlots(maximumCount)
    let batchStart = batch.bytes.count
    let firstCount = batch.count
    var byteCount = 0
    let fault = splitter.split(bytes, maximumCount: maximumCount) { start, count in
      batch.append(
        RecordSlot(
          valueStart: UInt32(truncatingIfNeeded: batchStart + start), valueCount: UInt32(truncatingIfNeeded: count),
          timestamp: .min,
          offset: offset(Offset(batch.count - firstCount))))
      byteCount = start + count
    }
    batch.bytes.append(UnsafeBufferPointer(rebasing: bytes[..<byteCount]))
    return (batch.count - firstCount, byteCount, fault)
  }

  func giveBareRecords(_ batch: RecordBatch, _ maximumCount: Int) -> Bool {
    guard let splitter else { preconditionFailure("records need a schema") }
    let rest = unread
    if rest.isEmpty {
      if isAtEnd { state = .end }
      return !isAtEnd
    }
    let first = offset
    // Every record has at least one byte, so their starts are below the count of bytes.
    let firstCount = batch.count
    let given = give(rest, splitter, min(maximumCount - batch.count, rest.count), batch) { _ in 0 }
    for index in firstCount..<batch.count {
      batch.slots[index].offset = first + Offset(batch.slots[index].valueStart - batch.slots[firstCount].valueStart)
    }
    position += given.byteCount
    if given.count > 0, given.byteCount == 0 {
      batch.count = firstCount
      giveUnreadable(batch, "bytes follow at byte \(offset), but records of the schema have none", at: offset)
      state = .end
      return false
    }
    guard let fault = given.fault else { return false }
    if !isAtEnd, unread.count <= Self.bareRecordByteCountMax { return true }
    var shown = fault
    shown.byteIndex -= given.byteCount
    giveUnreadable(
      batch, "malformed Avro at \(shown), in the record at byte \(offset); what follows it in the input is lost", at: offset)
    state = .end
    return false
  }

  /// One record in the place of what cannot be read.
  private func giveUnreadable(_ batch: RecordBatch, _ explanation: String, at offset: Offset? = nil) {
    if let header { batch.schema = header.schema }
    let start = batch.bytes.count
    batch.bytes.append(explanation)
    batch.append(
      RecordSlot(
        valueStart: UInt32(start), valueCount: UInt32(explanation.utf8.count), timestamp: .min, offset: offset ?? recordNumber,
        marks: .unreadable))
    if offset == nil { recordNumber += 1 }
  }
}
