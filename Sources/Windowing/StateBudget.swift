// How much state a partition may have. Looked at when a key comes that is not there yet, and only there: keys that are known go on, whatever happens.
// What is counted lives in the state itself, so which records find no room is a function of the partition's records alone.

import Base

/// Bounds of one partition's state; nil for none.
public struct StateLimits: Sendable, Equatable {
  /// Keys over all entities.
  public var keyCountMax: Int?
  /// Bytes of keys, panes and texts that are in use. What known keys add is not held back by it.
  public var byteCountMax: Int?

  public init(keyCountMax: Int? = nil, byteCountMax: Int? = nil) {
    self.keyCountMax = keyCountMax
    self.byteCountMax = byteCountMax
  }
}

/// What the key spaces of an engine share of their limits.
final class StateBudget {
  private let limits: StateLimits
  private unowned let engine: WindowEngine

  init(_ limits: StateLimits, of engine: WindowEngine) {
    self.limits = limits
    self.engine = engine
  }

  /// Whether there is room for another key.
  var hasRoom: Bool {
    if let most = limits.keyCountMax, engine.keyCount >= most { return false }
    if let most = limits.byteCountMax, engine.usedByteCount >= most { return false }
    return true
  }
}

extension WindowEngine {
  /// Bytes of the state that are in use: less than `stateByteCount`, which is what is reserved.
  public var usedByteCount: Int {
    keySpaces.reduce(0) { total, space in
      total + space.table.liveCount * (space.table.stride + KeyTable.indexByteCountPerEntry) + space.pool.usedByteCount
        + space.groups.reduce(0) { $0 + $1.liveCount * ($1.nodeByteCount + KeySpaceShape.listedNodeByteCount) }
    }
  }
}

extension KeySpace {
  /// Whether a key is not there and has no room.
  @inline(never)
  func isFull(for key: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Bool {
    guard let budget, table.find(key, hash: hash) == nil else { return false }
    return !budget.hasRoom
  }
}
