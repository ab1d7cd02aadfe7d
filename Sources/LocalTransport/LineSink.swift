// Sinks without a broker: lines to standard output or into a file, and nowhere. What is written to a descriptor counts as delivered.

import Base
import Records

/// Writes each batch's lines with as few write(2) calls as the descriptor takes.
public final class LineSink: Sink {
  private let writer: FileDescriptorWriter
  public private(set) var delivery = DeliveryCounts()

  public var name: String { writer.name }

  public init(_ writer: FileDescriptorWriter) { self.writer = writer }

  /// Throws `ClosedPipe` when nobody reads any more, `Failure` with exit code 74 for anything else.
  public func write(_ batch: RecordBatch) throws {
    try writer.write(batch.lines)
    delivery.count(batch)
  }

  public func poll() {}

  public func finish(timeoutMilliseconds: Int) {}
}

/// Takes records and forgets them: for measuring what a generator can do.
public final class NullSink: Sink {
  public let name = "null"
  public private(set) var delivery = DeliveryCounts()

  public init() {}

  public func write(_ batch: RecordBatch) { delivery.count(batch) }

  public func poll() {}

  public func finish(timeoutMilliseconds: Int) {}
}

extension DeliveryCounts {
  /// Counts a batch of lines that has reached its place.
  fileprivate mutating func count(_ batch: RecordBatch) {
    written += Int64(batch.count)
    delivered += Int64(batch.count)
    // A line's feed is not part of its value.
    writtenByteCount += Int64(batch.lineByteCount - batch.count)
  }
}
