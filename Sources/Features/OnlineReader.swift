// How current values are read back, as the room that serves them sees it: many rows of many views at once, in one round trip.
//
//   selections  which values of which rows     [views_5m, spend_1h] of user_activity
//   queries     a selection and keys            ... of u1 and u2
//   answer      the texts, in the order of queries, keys and values; each is bytes of one buffer
//
// Keys come from requests and are any bytes. A reader puts them behind the name of the view and nowhere else, so that no request reaches what is no
// row.

import Base

/// Which values are read of the rows of one view, or that the recent events of keys are read. Made once and shared by all threads.
public final class OnlineSelection: Sendable {
  public enum Rows: Hashable, Sendable {
    /// As the stream keeps them.
    case current(view: String)
    /// Of the last batch run that was published.
    case batch(view: String)
    /// Recent events, oldest first; `entity` is nil for `entity: all`.
    case events(source: String, entity: String?)
  }

  public let rows: Rows
  /// False for `entity: all`, which has one row.
  public let isKeyed: Bool
  public let fields: [String]

  public init(_ rows: Rows, isKeyed: Bool, fields: [String]) {
    self.rows = rows
    self.isKeyed = isKeyed
    self.fields = fields
  }

  /// What is read of a row besides its fields; its place is `fields.count` and its raw value.
  public enum Detail: Int, CaseIterable, Sendable {
    case asOf, lastEvent, writtenAt, position

    public var fieldName: String {
      switch self {
      case .asOf: "_as_of"
      case .lastEvent: "_last_event"
      case .writtenAt: "_written_at"
      case .position: "_position"
      }
    }
  }

  /// Values of one key: of events one, which names those of the list.
  public var width: Int { if case .events = rows { 1 } else { fields.count + Detail.allCases.count } }
}

/// Keys in the order of a request; any bytes.
public struct KeyList: Equatable, Sendable {
  public private(set) var bytes: [UInt8] = []
  /// Where each key ends.
  private var ends: [Int] = []

  /// Makes room for so many keys of a usual length.
  public mutating func reserve(_ count: Int) {
    ends.reserveCapacity(count)
    bytes.reserveCapacity(count * 16)
  }

  public mutating func append(_ key: UnsafeBufferPointer<UInt8>) {
    bytes.append(contentsOf: key)
    ends.append(bytes.count)
  }

  public mutating func append(_ key: [UInt8]) { key.withUnsafeBufferPointer { append($0) } }

  public init() {}

  public init(_ keys: [String]) { for key in keys { append(key.utf8) } }

  public var count: Int { ends.count }

  public mutating func append(_ key: some Sequence<UInt8>) {
    bytes.append(contentsOf: key)
    ends.append(bytes.count)
  }

  public func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  /// The key as text; malformed UTF-8 is repaired.
  public func text(_ index: Int) -> String { String(decoding: bytes[range(index)], as: UTF8.self) }

  public func key(_ index: Int) -> [UInt8] { Array(bytes[range(index)]) }
}

/// Rows to read.
public struct OnlineQuery: Sendable {
  public var selection: OnlineSelection
  /// One key that is not looked at where the selection has none.
  public var keys: KeyList

  public init(_ selection: OnlineSelection, keys: KeyList) {
    self.selection = selection
    self.keys = keys
  }
}

/// A text of an answer, or that there is none.
public struct OnlineCell: BitwiseCopyable, Sendable {
  /// The first byte in `OnlineAnswer.bytes`; of the cell of a list, its first in `OnlineAnswer.elements`.
  public var start: UInt32
  public var count: Int32

  public init(start: Int, count: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    self.count = Int32(truncatingIfNeeded: count)
  }

  public static let absent = OnlineCell(start: 0, count: -1)
  /// What lies under the row's key is no row.
  public static let foreign = OnlineCell(start: 0, count: -2)

  public var isPresent: Bool { count >= 0 }
}

/// The run of a batch whose rows were read.
public struct OnlineRun: Equatable, Sendable {
  public var run: Int64
  /// The cutoff of the run, ms since the epoch.
  public var asOf: Int64

  public init(run: Int64, asOf: Int64) {
    self.run = run
    self.asOf = asOf
  }
}

/// What was read: filled, looked at and emptied by one thread.
public final class OnlineAnswer {
  public let bytes = ByteBuffer(capacity: 1 << 16)
  public var cells: ContiguousArray<OnlineCell> = []
  /// Elements of lists.
  public var elements: ContiguousArray<OnlineCell> = []
  /// Per query: where its cells begin.
  public var starts: [Int] = []
  /// Per query: the run, where the rows are a batch's and one was published.
  public var runs: [OnlineRun?] = []

  public init() {}

  public func removeAll() {
    bytes.removeAll()
    cells.removeAll(keepingCapacity: true)
    elements.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    runs.removeAll(keepingCapacity: true)
  }

  /// The bytes of a cell that is present; valid until the next append.
  public func text(_ cell: OnlineCell) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: bytes.base + Int(cell.start), count: max(Int(cell.count), 0))
  }

  /// The cell as an integer; nil where it is none.
  public func integer(_ cell: OnlineCell) -> Int64? {
    guard cell.count > 0, cell.count <= 20 else { return nil }
    var value: Int64 = 0
    var digits = text(cell)[...]
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative { digits = digits.dropFirst() }
    guard !digits.isEmpty else { return nil }
    for byte in digits {
      guard (0x30...0x39).contains(byte) else { return nil }
      let (product, overflows) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowsToo) = product.addingReportingOverflow(Int64(byte) - 0x30)
      guard !overflows, !overflowsToo else { return nil }
      value = sum
    }
    return isNegative ? -value : value
  }
}

/// Reads current values. Driven by one thread.
public protocol OnlineReader: AnyObject {
  /// Where this reads from, secrets redacted.
  var name: String { get }

  /// Reads all queries at once into `answer`, which is emptied first. A retryable failure means that the store cannot be reached now.
  func read(_ queries: [OnlineQuery], into answer: OnlineAnswer) throws

  /// How far the partitions of inputs have come: per topic, as control keys call it, the watermark of each partition, nil where it is not
  /// known. For `STALE`: an idle key's row is as current as its partition.
  func progress(ofTopics topics: [String]) throws -> [[Int64?]]

  /// Whether the store answers.
  func ping() throws

  /// The key that a query's row lies under, for people.
  func keyText(_ query: OnlineQuery, _ index: Int) -> String
}
