// An internal topic as its worker reads it: records as they stood in the source's topic, with their origins beside them (`RecordBatch.origins`).
// Their partitions and offsets stay those of the internal topic, as positions and state go by them.

import Base
import Records

public final class RepartitionedSource: Source {
  private let base: any Source
  /// The source's.
  private let topic: String
  private let clock: any Clock
  private let originHeader = Array(RecordOrigin.originHeader.utf8)
  private let keyHeader = Array(RecordOrigin.keyHeader.utf8)
  private let markerHeader = Array(RecordOrigin.markerHeader.utf8)
  /// When a record last came, or the group last changed, by the monotonic clock in ms.
  private var lastNewsAt: Int64
  private let openedAt: Int64
  private var hasPartitions = false

  /// - Parameters:
  ///   - base: Reads the internal topic, with headers.
  ///   - topic: That of the source, for which this one stands.
  public init(_ base: any Source, of topic: String, clock: any Clock = SystemClock()) {
    self.base = base
    self.topic = topic
    self.clock = clock
    openedAt = Int64(clock.monotonicNanoseconds / 1_000_000)
    lastNewsAt = openedAt
  }

  public var isBounded: Bool { base.isBounded }
  public var isRepeatable: Bool { base.isRepeatable }
  public var name: String { base.name }
  public var hasJoined: Bool { base.hasJoined }
  public var trouble: String? { base.trouble }

  /// Whether nothing has come for this long, in ms. A group may take a while to give its members their partitions, and may have none for some.
  public func isQuiet(for milliseconds: Int64) -> Bool {
    now - lastNewsAt >= milliseconds && (hasPartitions || now - openedAt >= Self.joiningMillisecondsMax)
  }

  private static let joiningMillisecondsMax: Int64 = 30_000
  private var now: Int64 { Int64(clock.monotonicNanoseconds / 1_000_000) }

  public func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    let result = try base.poll(into: batch, maximumCount: maximumCount, timeoutMilliseconds: timeoutMilliseconds)
    switch result {
    case .records:
      try restore(batch)
      // Markers come for as long as there is somebody who sends them.
      if batch.origins.contains(where: { !$0.isMarker }) { lastNewsAt = now }
    case .assigned:
      hasPartitions = true
      lastNewsAt = now
    case .revoked, .lost: lastNewsAt = now
    case .idle, .endOfInput: break
    }
    return result
  }

  /// Gives each record of a batch its time and key back, and notes where it stood.
  private func restore(_ batch: RecordBatch) throws {
    batch.topic = topic
    batch.origins.removeAll(keepingCapacity: true)
    batch.origins.reserveCapacity(batch.count)
    for row in 0..<batch.count {
      var origin: RecordOrigin?
      var key: RecordHeader?
      // The first two are ours; the record's own, which may be called alike, come behind them.
      let ours = batch.headerIndices(of: row).prefix(RecordOrigin.headerCount)
      if ours.count == RecordOrigin.headerCount {
        let (first, second) = (batch.headers[ours[ours.startIndex]], batch.headers[ours[ours.startIndex + 1]])
        if batch.name(of: first).elementsEqual(originHeader), let value = batch.value(of: first) {
          origin = RecordOrigin(origin: value)
        }
        if batch.name(of: second).elementsEqual(keyHeader) {
          if second.valueCount >= 0 { key = second }
        } else if batch.name(of: second).elementsEqual(markerHeader), let value = batch.value(of: second) {
          if origin?.read(marker: value) != true { origin = nil }
        } else {
          origin = nil
        }
      }
      guard let origin else {
        let slot = batch.slots[row]
        throw Failure(
          .badData,
          "\(name), partition \(slot.partition), offset \(slot.offset): the record does not say where it stood in topic '\(topic)' "
            + "(header '\(RecordOrigin.originHeader)'); only 'freshet process' may write to this topic")
      }
      batch.slots[row].timestamp = origin.timestamp
      batch.slots[row].keyCount = key.map { $0.valueCount } ?? -1
      if let key { batch.slots[row].keyStart = key.valueStart }
      batch.origins.append(origin)
    }
  }

  public func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws {
    try base.start(partitions, at: positions)
  }

  public func commit(_ positions: [PartitionOffset], waits: Bool) throws { try base.commit(positions, waits: waits) }
  public func lag(of partition: PartitionIndex) -> Int64? { base.lag(of: partition) }
  public func isSilent(_ partition: PartitionIndex) -> Bool { base.isSilent(partition) }
  public func setPaused(_ isPaused: Bool) throws { try base.setPaused(isPaused) }
  public func close() throws { try base.close() }
}
