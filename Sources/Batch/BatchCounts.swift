// What a batch run has done, counted.

import Features
import Records
import Synchronization

public struct BatchCounts: Equatable, Sendable {
  public var files: Int64 = 0
  /// Records that were read, and bytes of their values; a record that views of two entities read counts twice.
  public var records: Int64 = 0
  public var byteCount: Int64 = 0
  /// Records that could not be read, or have no event time.
  public var rejected: Int64 = 0
  public var duplicates: Int64 = 0
  public var keys: Int64 = 0
  /// Per view of the pipeline.
  public var rows: [Int64]
  /// How often a part of the run has outgrown its memory, and what was written to temporary files then, compressed.
  public var spills: Int64 = 0
  public var spilledByteCount: Int64 = 0
  /// Parts of the run: partitions of each entity, or all partitions of one.
  public var parts = 0
  public var finishedParts = 0

  public init(viewCount: Int) { rows = Array(repeating: 0, count: viewCount) }

  public var rowCount: Int64 { rows.reduce(0, +) }
}

/// The counts of a run that goes on, for whoever wants to show them.
public final class BatchProgress: Sendable {
  private let counts: Mutex<BatchCounts>

  public init(viewCount: Int) { counts = Mutex(BatchCounts(viewCount: viewCount)) }

  public var current: BatchCounts { counts.withLock { $0 } }

  func update(_ body: (inout BatchCounts) -> Void) { counts.withLock { body(&$0) } }
}
