// Which records of a partition are copies of earlier ones, by a key of theirs and event time: a function of the partition's records alone.
//
// A record is a duplicate when its key has been taken in by a record whose event time is less than `window` away, and less than `window`
// behind the greatest event time so far: what is older than that has been forgotten. A record that is no duplicate takes its key in, unless
// it would be forgotten at once.
//
//   generations    older [ slots ]   newer [ slots ]       slot  [ hash 8 | hash 8 | event time 8 ]    first word 0: free
//
// Keys go into the newer generation. When all of the older one has been forgotten, it is emptied and the two change places: no key is ever
// removed by itself. Keys are told apart by 128-bit hashes: with n keys remembered, a record is wrongly taken for a duplicate with a
// probability of n / 2^128, for a hundred million keys 3e-31.

import Base
import Records

public struct DeduplicationSettings: Sendable, Equatable {
  /// The column of the key: a text, or an integer, which is taken for its decimal text.
  public var column: Int
  /// What the key is called: a saved state is only taken over by settings with an equal one.
  public var keyName: String
  /// In ms.
  public var window: Int64
  /// How many keys of a partition are kept at most; at least 2. When a generation holds half as many, the older one is forgotten early.
  public var keyCountMax: Int

  public init(column: Int, keyName: String, window: Int64, keyCountMax: Int) {
    precondition(window > 0 && keyCountMax >= 2, "a deduplicator has a window and room for two keys")
    self.column = column
    self.keyName = keyName
    self.window = window
    self.keyCountMax = keyCountMax
  }
}

/// The rows of a batch after deduplication; belongs to one thread and is filled again and again.
public final class DeduplicatedRows {
  /// Those that are no duplicates, in order.
  public internal(set) var kept: ContiguousArray<Int32> = []
  public internal(set) var duplicates: ContiguousArray<Int32> = []
  /// Rows without a key; they are among `kept`.
  public internal(set) var keyless: ContiguousArray<Int32> = []
  /// Duplicates that move event time: before the row at `position` of `kept`, time moves to `time`. Rising by position.
  public internal(set) var moves: ContiguousArray<(position: Int, time: Int64)> = []

  public init() {}

  func removeAll() {
    kept.removeAll(keepingCapacity: true)
    duplicates.removeAll(keepingCapacity: true)
    keyless.removeAll(keepingCapacity: true)
    moves.removeAll(keepingCapacity: true)
  }
}

/// The keys of one partition.
public final class Deduplicator {
  public let settings: DeduplicationSettings
  var newer: KeyGeneration
  var older: KeyGeneration
  /// The greatest event time of the records; `Int64.min` before the first.
  var streamTime: Int64 = .min
  /// Keys that were forgotten before their window was over.
  public internal(set) var forgottenCount: Int64 = 0

  /// How many records are hashed and warmed together.
  static let blockCount = 64
  /// Two hashes of each record of a block.
  private let hashes: UnsafeMutablePointer<(UInt64, UInt64)>
  private let digits: UnsafeMutablePointer<UInt8>
  /// Keeps the loads that warm the cache from being optimised away.
  private var warmth: UInt64 = 0

  public init(_ settings: DeduplicationSettings) {
    self.settings = settings
    newer = KeyGeneration()
    older = KeyGeneration()
    hashes = .allocate(capacity: Self.blockCount)
    hashes.initialize(repeating: (0, 0), count: Self.blockCount)
    digits = .allocate(capacity: 32)
  }

  deinit {
    hashes.deallocate()
    digits.deallocate()
  }

  /// Keys that are remembered, forgotten ones that still take room included.
  public var keyCount: Int { newer.count + older.count }
  public var byteCount: Int { newer.byteCount + older.byteCount }

  /// Sorts the rows of a batch into `output`. `times` and `keys` are indexed by row.
  public func apply(
    _ rows: UnsafeBufferPointer<Int32>, times: UnsafePointer<Int64>, keys: UnsafePointer<ColumnValue>, into output: DeduplicatedRows
  ) {
    output.removeAll()
    output.kept.reserveCapacity(rows.count)
    for start in stride(from: 0, to: rows.count, by: Self.blockCount) {
      let block = UnsafeBufferPointer(rebasing: rows[start..<min(start + Self.blockCount, rows.count)])
      warm(block, keys)
      for (index, row) in block.enumerated() { take(row, times[Int(row)], hashes[index], output) }
    }
  }

  /// Hashes the keys of a block and touches the slots where they would stand.
  @inline(__always)
  private func warm(_ rows: UnsafeBufferPointer<Int32>, _ keys: UnsafePointer<ColumnValue>) {
    for index in 0..<rows.count { hashes[index] = hash(keys[Int(rows[index])]) }
    // In a loop of their own the loads are so close together that the processor has many under way at once.
    var touched: UInt64 = 0
    for index in 0..<rows.count { touched &+= newer.home(hashes[index].0) &+ older.home(hashes[index].0) }
    warmth = touched
  }

  /// Both words 0 for no key.
  @inline(__always)
  private func hash(_ key: ColumnValue) -> (UInt64, UInt64) {
    let start: UnsafePointer<UInt8>
    let count: Int
    switch key.kind {
    case .string:
      start = UnsafePointer(bitPattern: UInt(key.bits)) ?? UnsafePointer(digits)
      count = Int(key.byteCount)
    case .integer:
      count = NumberText.write(key.integer, to: digits)
      start = UnsafePointer(digits)
    default: return (0, 0)
    }
    let first = Hash.bytes(start, count: count, seed: 0x6a09_e667_f3bc_c908)
    // A free slot begins with 0.
    return (first == 0 ? 1 : first, Hash.bytes(start, count: count, seed: 0xbb67_ae85_84ca_a73b))
  }

  @inline(__always)
  private func take(_ row: Int32, _ time: Int64, _ hash: (UInt64, UInt64), _ output: DeduplicatedRows) {
    let movesTime = time > streamTime
    if movesTime { streamTime = time }
    guard hash.0 != 0 else {
      output.keyless.append(row)
      output.kept.append(row)
      return
    }
    let horizon = streamTime - settings.window
    if older.lastTime <= horizon, newer.count > 0 { changePlaces() }
    let slot = newer.find(hash)
    if isNear(newer.time(slot), time, horizon) || isNear(older.time(older.find(hash)), time, horizon) {
      output.duplicates.append(row)
      if movesTime { output.moves.append((output.kept.count, time)) }
      return
    }
    output.kept.append(row)
    // A record so old would be forgotten at once; where a key of that hash is remembered, it is the newer one of the two.
    guard time > horizon else { return }
    if newer.count >= settings.keyCountMax / 2, newer.isFree(slot) {
      forgottenCount += Int64(older.count(after: horizon))
      changePlaces()
      newer.put(hash, time, at: newer.find(hash))
    } else {
      newer.put(hash, time, at: slot)
    }
  }

  /// Whether a key that is remembered with `known` makes a record of `time` a duplicate; `known` is `Int64.min` for none.
  @inline(__always)
  private func isNear(_ known: Int64, _ time: Int64, _ horizon: Int64) -> Bool {
    known > horizon && known - time < settings.window && time - known < settings.window
  }

  @inline(never)
  private func changePlaces() {
    // What comes next is expected to be as much as what came last.
    if older.capacity < newer.capacity { older = KeyGeneration(expectedCount: newer.count) } else { older.removeAll() }
    swap(&newer, &older)
  }
}
