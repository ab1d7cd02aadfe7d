// When the records of a batch happened, and nothing else of them: for those who move records and do not compute with them.

import Base
import Codec
import Features
import Records

/// Reads as the worker does. Belongs to one thread.
public final class EventTimeReader {
  private let reader: JSONColumnReader?
  private let columns: Columns
  private let format: EventTimeSettings.Format
  private var times: ContiguousArray<Int64> = []

  /// A reader for the records of a source whose values are JSON.
  public init(_ settings: EventTimeSettings) {
    reader = settings.path.flatMap { $0.isMetadata ? nil : JSONColumnReader(paths: [$0]) }
    columns = Columns(columnCount: 1)
    format = settings.format
  }

  /// Lends the event times of the records, in ms by row, `Int64.min` where a record has none that can be used.
  public func withTimes<Result>(
    of batch: RecordBatch, _ body: (UnsafeBufferPointer<Int64>) throws -> Result
  ) rethrows -> Result {
    times.removeAll(keepingCapacity: true)
    reader?.decode(batch, into: columns)
    let values = columns.column(0)
    for row in 0..<batch.count {
      let reading: EventTimeReading
      if reader == nil {
        reading = EventTimeReading(record: batch.slots[row])
      } else {
        reading = columns.statuses[row] == .valid ? EventTimeReading(values[row], format) : .missing
      }
      if case .time(let time) = reading { times.append(time) } else { times.append(.min) }
    }
    return try times.withUnsafeBufferPointer(body)
  }
}
