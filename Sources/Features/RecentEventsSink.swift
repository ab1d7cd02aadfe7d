// Recent events on their way to their lists: a batch of elements, those of one list together, and who takes them.
//
//   runs     [ list, key -> first event ... last event ]     one per list that gets anything, in the order in which they first came
//   events   [ offset, bytes of the element, the next of the same run ]

import Base
import Records

/// Where recent events are kept. Driven by one thread.
public protocol RecentEventsSink: AnyObject {
  /// Where this writes to, secrets redacted.
  var name: String { get }

  /// Appends all events to their lists; on return they are confirmed. What a list has already, because its last event of the same origin is no older, is
  /// passed over, so appending a batch twice does no harm. Returns how many were new.
  ///
  /// A retryable failure means that it is not known which were taken: append the same again.
  func append(_ events: RecentEventBatch) throws -> Int

  /// Called once, after the last append.
  func close() throws
}

/// Events of one partition; filled, appended and emptied by one thread.
public final class RecentEventBatch {
  /// The events of one list.
  public struct Run: BitwiseCopyable, Sendable {
    /// Index into the lists of the sink.
    public var list: Int32
    /// Bytes of the entity's key in `bytes`; -1 for `entity: all`.
    public var keyCount: Int32
    public var keyStart: UInt32
    /// Indices into `events`.
    public var first: Int32
    fileprivate var last: Int32
    public var count: Int32
    /// The greatest event time.
    public var newestTime: Int64
    fileprivate var hash: UInt64
  }

  public struct Event: BitwiseCopyable, Sendable {
    public var offset: Offset
    /// The element in `bytes`.
    public var start: UInt32
    public var count: UInt32
    /// The next of the run, -1 after the last.
    public var next: Int32
  }

  /// The partition as elements name it: its number, behind an `@` the input where that is not the pipeline's own topic.
  public private(set) var origin = ""
  public private(set) var runs: ContiguousArray<Run> = []
  public private(set) var events: ContiguousArray<Event> = []
  /// Keys and elements.
  public let bytes = ByteBuffer(capacity: 1 << 16)
  /// Open addressing: a run plus one, 0 for none.
  private var cells: ContiguousArray<Int32> = ContiguousArray(repeating: 0, count: 1024)

  public init() {}

  public var isEmpty: Bool { events.isEmpty }

  /// Empties the batch, for events of the partition that elements call `origin`.
  public func begin(origin: String) {
    self.origin = origin
    if !runs.isEmpty { for index in cells.indices { cells[index] = 0 } }
    runs.removeAll(keepingCapacity: true)
    events.removeAll(keepingCapacity: true)
    bytes.removeAll()
  }

  /// The run of a list and a key, begun where there is none.
  public func run(list: Int, key: UnsafeBufferPointer<UInt8>?) -> Int {
    let keyHash = key.flatMap { $0.baseAddress.map { start in Hash.bytes(start, count: key!.count) } } ?? 0
    let hash = keyHash &+ UInt64(truncatingIfNeeded: list) &* 0x9e37_79b9_7f4a_7c15
    var cell = Int(truncatingIfNeeded: hash) & (cells.count - 1)
    while cells[cell] != 0 {
      let index = Int(cells[cell] - 1)
      if runs[index].hash == hash, runs[index].list == Int32(list), hasKey(key, runs[index]) { return index }
      cell = (cell + 1) & (cells.count - 1)
    }
    let start = bytes.count
    if let key { bytes.append(key) }
    runs.append(
      Run(
        list: Int32(list), keyCount: key.map { Int32($0.count) } ?? -1, keyStart: UInt32(start), first: -1, last: -1, count: 0,
        newestTime: .min, hash: hash))
    cells[cell] = Int32(runs.count)
    if runs.count * 2 > cells.count { growCells() }
    return runs.count - 1
  }

  /// Takes what stands in `bytes` from `start` on as the next element of a run; says which offset and which event time it has.
  public func append(from start: Int, offset: Offset, time: Int64, to run: Int) {
    let index = Int32(events.count)
    events.append(Event(offset: offset, start: UInt32(start), count: UInt32(bytes.count - start), next: -1))
    if runs[run].count == 0 { runs[run].first = index } else { events[Int(runs[run].last)].next = index }
    runs[run].last = index
    runs[run].count += 1
    runs[run].newestTime = max(runs[run].newestTime, time)
  }

  /// The bytes of a run's key, nil for `entity: all`; valid until the next append.
  public func key(of run: Run) -> UnsafeBufferPointer<UInt8>? {
    guard run.keyCount >= 0 else { return nil }
    return UnsafeBufferPointer(start: bytes.base + Int(run.keyStart), count: Int(run.keyCount))
  }

  /// The bytes of an element; valid until the next append.
  public func element(_ event: Event) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: bytes.base + Int(event.start), count: Int(event.count))
  }

  private func hasKey(_ key: UnsafeBufferPointer<UInt8>?, _ run: Run) -> Bool {
    guard let key else { return run.keyCount < 0 }
    guard Int(run.keyCount) == key.count else { return false }
    return self.key(of: run)!.elementsEqual(key)
  }

  private func growCells() {
    cells = ContiguousArray(repeating: 0, count: cells.count * 2)
    for (index, run) in runs.enumerated() {
      var cell = Int(truncatingIfNeeded: run.hash) & (cells.count - 1)
      while cells[cell] != 0 { cell = (cell + 1) & (cells.count - 1) }
      cells[cell] = Int32(index + 1)
    }
  }
}
