// Batches as generators fill them.

import Base
import Foundation
import Records

/// One record to be.
struct TestRecord {
  var value: String
  var timestamp: Int64 = 0
  var event: UInt16 = 0
  var marks: RecordMarks = []
}

/// A batch of lines, with a key behind them, which no file shall hold.
func lineBatch(_ records: [TestRecord]) -> RecordBatch {
  let batch = RecordBatch(slotCapacity: 64, byteCapacity: 4096)
  for record in records {
    append(record, to: batch)
    batch.bytes.append(UInt8(ascii: "\n"))
  }
  batch.lineByteCount = batch.bytes.count
  batch.bytes.append("key")
  return batch
}

func lineBatch(_ lines: [String]) -> RecordBatch { lineBatch(lines.map { TestRecord(value: $0) }) }

/// A batch of values back to back.
func binaryBatch(_ records: [TestRecord]) -> RecordBatch {
  let batch = RecordBatch(slotCapacity: 64, byteCapacity: 4096)
  for record in records { append(record, to: batch) }
  return batch
}

private func append(_ record: TestRecord, to batch: RecordBatch) {
  var slot = RecordSlot(
    valueStart: UInt32(batch.bytes.count), valueCount: UInt32(record.value.utf8.count), timestamp: record.timestamp)
  slot.event = record.event
  slot.marks = record.marks
  batch.append(slot)
  batch.bytes.append(record.value)
}
