// The archive in the place of its topic: the same partitions, the same offsets, in the order of each partition. A worker that reads
// it comes to the state in which it would be had it read the topic so far, and whoever comes after it goes on in the topic where
// the archive ends.

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public final class ArchiveSource: Source {
  /// What is computed from it goes on elsewhere: windows stay open at its end.
  public let isBounded = false
  public let name: String
  private let catalog: ArchiveCatalog
  private let topic: String
  private var isAnnounced = false
  private var isPaused = false
  private var readers: [PartitionIndex: ArchiveReader] = [:]
  /// Those of which something may be left.
  private var reading: Set<PartitionIndex> = []
  private var positions: [PartitionIndex: Offset] = [:]

  /// - Parameter topic: What batches call their topic.
  public init(_ catalog: ArchiveCatalog, topic: String) {
    self.catalog = catalog
    self.topic = topic
    name = "archive:\(catalog.path)/\(catalog.source)"
  }

  /// Whether every partition has been started and read to its end. Asked by the thread that polls.
  public var hasEnded: Bool { isAnnounced && readers.count == catalog.partitions.count && reading.isEmpty }

  public func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    batch.removeAll()
    batch.topic = topic
    if !isAnnounced {
      isAnnounced = true
      if !catalog.partitions.isEmpty { return .assigned(catalog.partitions) }
    }
    // One after the other: the windows of one partition stay in the cache.
    while !isPaused, let partition = reading.min(), let reader = readers[partition] {
      if try reader.read(into: batch, maximumCount: maximumCount) {
        positions[partition] = batch.slots[batch.count - 1].offset + 1
        return .records
      }
      reading.remove(partition)
    }
    usleep(UInt32(max(0, min(timeoutMilliseconds, isPaused ? 200 : 10))) * 1000)
    return .idle
  }

  /// Reading begins at the given offset, else where the archive begins.
  public func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws {
    for partition in partitions {
      let offset = positions.first { $0.partition == partition }?.offset ?? PartitionOffset.reset
      let place = offset == PartitionOffset.reset ? 0 : offset
      readers[partition] = ArchiveReader(catalog, partition: partition, at: place)
      reading.insert(partition)
      self.positions[partition] = max(place, catalog.files(of: partition).first?.first ?? 0)
    }
  }

  public func setPaused(_ isPaused: Bool) throws { self.isPaused = isPaused }
  /// The group of the topic is another's to move.
  public func commit(_ positions: [PartitionOffset], waits: Bool) throws {}
  public func lag(of partition: PartitionIndex) -> Int64? {
    guard let position = positions[partition], let next = catalog.nextOffset(of: partition) else { return nil }
    return max(0, next - position)
  }
  /// More lies in the topic: silence of the archive moves no time, and ends no replay.
  public func isSilent(_ partition: PartitionIndex) -> Bool { false }
  public func close() throws { readers = [:] }
}
