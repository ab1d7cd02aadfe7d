// Small streams for the window tests: events as Swift values, fed to an engine in batches of any size, rows read back as Swift values.

import Base
import Records
import Windowing

/// One record: key column 0, value column 1, predicate 0.
struct TestEvent: Sendable {
  var time: Int64
  var key: String?
  var value: TestValue = .null
  var passes = true
  /// Its place in the stream, for what goes by arrival.
  var number = 0
}

enum TestValue: Hashable, Sendable {
  case missing
  case null
  case integer(Int64)
  case double(Double)
  case text(String)
}

struct TestRow: Hashable, CustomStringConvertible {
  var view: Int32
  var key: String?
  var start: Int64?
  var end: Int64?
  var values: [TestValue]

  var description: String { "view \(view) key \(key ?? "-") [\(start ?? 0), \(end ?? 0)) \(values)" }
}

/// Feeds `events` in batches of `batchSize`; returns every row in order.
func run(
  _ views: [ViewSpecification], lateness: Int64 = 0, emitEvery: [Int64] = [], batchSize: Int = 4096, _ events: [TestEvent],
  finishes: Bool = true
) -> (rows: [TestRow], counts: WindowCounts) {
  let engine = WindowEngine(WindowPlan(views: views, lateness: lateness), emitEvery: emitEvery)
  var rows: [TestRow] = []
  for start in stride(from: 0, to: events.count, by: batchSize) {
    feed(engine, events[start..<min(start + batchSize, events.count)], into: &rows)
  }
  if finishes {
    let output = FeatureRowBatch()
    engine.finish(into: output)
    rows += read(output)
  }
  return (rows, engine.counts)
}

/// Feeds a batch, taking at most `rowLimit` rows at a time.
func feed(_ engine: WindowEngine, _ events: ArraySlice<TestEvent>, rowLimit: Int = .max, into rows: inout [TestRow]) {
  let output = FeatureRowBatch()
  let capacity = events.reduce(0) { $0 + 2 * ($1.key ?? "").utf8.count + 200 }
  let text = ByteBuffer(capacity: capacity)
  func column(_ value: TestValue) -> ColumnValue {
    switch value {
    case .missing: return ColumnValue(kind: .missing)
    case .null: return .null
    case .integer(let integer): return ColumnValue(integer: integer)
    case .double(let double): return ColumnValue(double: double)
    case .text(let string):
      let start = text.count
      text.append(string)
      precondition(text.count <= capacity, "the text of a test batch must not move")
      return ColumnValue(string: UnsafeBufferPointer(start: text.base + start, count: text.count - start))
    }
  }
  let keys = events.map { column($0.key.map(TestValue.text) ?? .null) }
  let values = events.map { column($0.value) }
  let times = events.map(\.time)
  let passes = events.map { UInt8($0.passes ? 1 : 0) }
  let rowNumbers = (0..<Int32(events.count)).map { $0 }
  keys.withUnsafeBufferPointer { keys in
    values.withUnsafeBufferPointer { values in
      times.withUnsafeBufferPointer { times in
        passes.withUnsafeBufferPointer { passes in
          rowNumbers.withUnsafeBufferPointer { rowNumbers in
            guard !rowNumbers.isEmpty else { return }
            let input = WindowInput(
              rows: rowNumbers, times: times.baseAddress!, columns: [keys.baseAddress!, values.baseAddress!],
              predicates: [passes.baseAddress!])
            var taken = 0
            repeat {
              taken += engine.apply(input, from: taken, into: output, rowLimit: rowLimit)
              // The rows of views that share a window come together.
              precondition(output.rows.count - 64 <= rowLimit)
              rows += read(output)
              output.removeAll()
            } while taken < rowNumbers.count || engine.hasDueRows
          }
        }
      }
    }
  }
}

func drain(_ engine: WindowEngine, view: Int = 0, rowLimit: Int = .max) -> [TestRow] {
  inSteps(rowLimit) { engine.drainChanges(ofView: view, into: $0, rowLimit: rowLimit) }
}

/// The rows of something that goes on until it says that it is done, at most `rowLimit` at a time.
func inSteps(_ rowLimit: Int, _ step: (FeatureRowBatch) -> Bool) -> [TestRow] {
  let output = FeatureRowBatch()
  var rows: [TestRow] = []
  while true {
    let isDone = step(output)
    precondition(output.rows.count - 64 <= rowLimit)
    rows += read(output)
    output.removeAll()
    if isDone { return rows }
  }
}

func read(_ batch: FeatureRowBatch) -> [TestRow] {
  batch.rows.enumerated().map { index, row in
    let end = index + 1 < batch.rows.count ? Int(batch.rows[index + 1].firstValue) : batch.values.count
    let values = batch.values[Int(row.firstValue)..<end].map { value -> TestValue in
      switch value.kind {
      case .missing: .missing
      case .null: .null
      case .integer: .integer(Int64(bitPattern: value.bits))
      case .double: .double(Double(bitPattern: value.bits))
      case .bool: .integer(Int64(value.bits))
      case .string, .composite: .text(String(decoding: batch.text(of: value), as: UTF8.self))
      }
    }
    return TestRow(
      view: row.view, key: batch.key(of: row).map { String(decoding: $0, as: UTF8.self) },
      start: row.isWindow ? row.windowStart : nil,
      end: row.isWindow ? row.windowEnd : nil, values: values)
  }
}

func closeView(_ window: WindowSpecification, _ functions: [AggregateFunction], predicate: Int? = nil, keyColumn: Int? = 0)
  -> ViewSpecification
{
  ViewSpecification(
    identifier: 0, keyColumn: keyColumn, trigger: .close, predicate: nil,
    aggregates: functions.map {
      AggregateSpecification(function: $0, column: $0 == .count ? nil : 1, predicate: predicate, window: window)
    }, timeToLive: nil)
}

func changeView(_ aggregates: [AggregateSpecification], timeToLive: Int64? = nil, identifier: Int32 = 0) -> ViewSpecification {
  ViewSpecification(
    identifier: identifier, keyColumn: 0, trigger: .change, predicate: nil, aggregates: aggregates, timeToLive: timeToLive)
}

/// A small generator for tests: SplitMix64.
struct TestRandom: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
