// What was found for one request, as the texts of its answer are made of it: per group and row how things stand, per column and row a value.

import Base
import Features

/// How the values of one row of one group stand.
struct RowState: Sendable {
  enum Kind: UInt8, Sendable {
    case missing
    /// Nothing is held, and what empty windows give is in the cells.
    case empty
    case found
    /// Something else lies under the row's key.
    case foreign
  }

  var kind = Kind.missing
  var isStale = false
  /// Recent events may be missing from the values.
  var isTruncated = false
  /// Through which event time the values are complete, ms since the epoch; `Int64.min` where nobody knows.
  var asOf = Int64.min
  /// The same as the row itself says.
  var rowAsOf = Int64.min
  /// Of a batch.
  var run: Int64?

  /// Whether there are cells to look at.
  var isThere: Bool { kind == .found || kind == .empty }
}

/// The status of a value.
enum ServedStatus: String, CaseIterable, Sendable {
  case present = "PRESENT"
  case null = "NULL_VALUE"
  case notFound = "NOT_FOUND"
  /// Older than the service's `max_age`; the value is there all the same.
  case stale = "STALE"
  /// What is stored is no value of the feature's type.
  case invalid = "INVALID"

  /// In `allCases`.
  var place: Int {
    switch self {
    case .present: 0
    case .null: 1
    case .notFound: 2
    case .stale: 3
    case .invalid: 4
    }
  }

  /// As Feast's clients know it.
  var feastName: String { self == .stale ? "OUTSIDE_MAX_AGE" : rawValue }
}

/// Filled and looked at by one thread; used again for the next request.
final class ServedRows {
  private(set) var request: FeatureRequest!
  private(set) var now: Int64 = 0
  private var answer: OnlineAnswer!
  private(set) var firstCells: [Int] = []
  private var widths: [Int] = []
  /// Per group: where its states begin, and how far from one row's to the next's: 0 where all rows share one.
  private var firstStates: [Int] = []
  private var strides: [Int] = []
  private(set) var states: ContiguousArray<RowState> = []
  private var pending = 0

  var storeNanoseconds: UInt64 = 0
  var computeNanoseconds: UInt64 = 0

  func begin(_ request: FeatureRequest, _ answer: OnlineAnswer, now: Int64) {
    self.request = request
    self.answer = answer
    self.now = now
    let count = request.service.groups.count
    firstCells = Array(repeating: 0, count: count)
    widths = Array(repeating: 0, count: count)
    firstStates = Array(repeating: 0, count: count)
    strides = Array(repeating: 0, count: count)
    states.removeAll(keepingCapacity: true)
    pending = 0
  }

  func place(_ group: Int, firstCell: Int, width: Int) {
    firstCells[group] = firstCell
    widths[group] = width
    pending = states.count
  }

  /// ms since the epoch that differences can be taken of: 270,000 years to both sides.
  private static let dates: ClosedRange<Int64> = -8_640_000_000_000_000...8_640_000_000_000_000

  func append(_ state: RowState, maxAge: Int64?) {
    var state = state
    // What a row says of its time may be anything; beyond what dates reach it is none.
    if !Self.dates.contains(state.asOf) { state.asOf = .min }
    if !Self.dates.contains(state.rowAsOf) { state.rowAsOf = .min }
    if let maxAge, state.kind == .found {
      // Without a time nobody can say that it is young.
      state.isStale = state.asOf == .min || now - state.asOf > maxAge
    }
    states.append(state)
  }

  func finish(_ group: Int) {
    firstStates[group] = pending
    strides[group] = states.count - pending == 1 && request.rowCount != 1 ? 0 : 1
  }

  // MARK: Values

  func state(group: Int, row: Int) -> RowState { states[firstStates[group] + row * strides[group]] }

  /// Which of `states` it is.
  func stateIndex(group: Int, row: Int) -> Int { firstStates[group] + row * strides[group] }

  func cell(group: Int, place: Int, row: Int) -> OnlineCell {
    answer.cells[firstCells[group] + row * strides[group] * widths[group] + place]
  }

  /// Appends the JSON of a value, and says how it stands.
  func appendValue(_ column: ServedColumn, row: Int, to out: ByteBuffer) -> ServedStatus {
    let state = state(group: column.group, row: row)
    switch state.kind {
    case .missing:
      column.emptyValue.withUnsafeBufferPointer { out.append($0) }
      return .notFound
    case .foreign:
      out.append("null" as StaticString)
      return .invalid
    case .empty, .found:
      let cell = cell(group: column.group, place: column.place, row: row)
      var status = ServedStatus.present
      if !cell.isPresent {
        out.append("null" as StaticString)
        status = .null
      } else if !column.format.append(answer.text(cell), to: out) {
        out.append("null" as StaticString)
        return .invalid
      }
      return state.kind == .empty ? .notFound : state.isStale ? .stale : status
    }
  }

  /// A detail of a stored row as text; nil where it has none.
  func detail(_ detail: OnlineSelection.Detail, group: Int, row: Int) -> String? {
    guard case .stored(let selection) = request.service.groups[group].origin else { return nil }
    let cell = cell(group: group, place: selection.fields.count + detail.rawValue, row: row)
    return cell.isPresent ? String(decoding: answer.text(cell), as: UTF8.self) : nil
  }
}
