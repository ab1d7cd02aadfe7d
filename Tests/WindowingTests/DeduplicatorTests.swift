// Copies of records against a model that keeps every key in a dictionary and forgets by looking at all of them, under seeded random streams
// that are cut into batches anywhere and saved and loaded in between.

import Base
import Foundation
import Records
import Testing
import Windowing

private struct Event {
  var time: Int64
  var key: TestValue
}

/// What the rule says, word for word: a duplicate's key was taken in less than `window` away, and not more than `window` behind the newest.
private struct DeduplicationModel {
  let window: Int64
  var known: [String: Int64] = [:]
  var streamTime = Int64.min

  /// Nil for a record without a key.
  mutating func isDuplicate(_ event: Event) -> Bool? {
    streamTime = max(streamTime, event.time)
    let key: String
    switch event.key {
    case .text(let text): key = text
    case .integer(let integer): key = "\(integer)"
    default: return nil
    }
    if let time = known[key], time > streamTime - window, abs(time - event.time) < window { return true }
    if event.time > streamTime - window { known[key] = event.time }
    return false
  }
}

private struct Outcome: Equatable {
  var duplicates: [Int] = []
  var keyless: [Int] = []
  /// Every record that is no duplicate, and between them the times to which duplicates moved event time.
  var steps: [String] = []
}

/// Feeds the events in batches that `cut` makes; between them the state may be saved and loaded into a new deduplicator.
private func deduplicate(_ events: [Event], _ settings: DeduplicationSettings, cut: () -> (count: Int, isSaved: Bool)) throws -> (
  outcome: Outcome, state: Deduplicator
) {
  var state = Deduplicator(settings)
  let output = DeduplicatedRows()
  var outcome = Outcome()
  var start = 0
  while start < events.count {
    let (count, isSaved) = cut()
    let end = min(events.count, start + count)
    let batch = Array(events[start..<end])
    let text = ByteBuffer(capacity: 64 * batch.count + 64)
    let keys = batch.map { event -> ColumnValue in
      switch event.key {
      case .text(let string):
        let first = text.count
        text.append(string)
        return ColumnValue(string: UnsafeBufferPointer(start: text.base + first, count: text.count - first))
      case .integer(let integer): return ColumnValue(integer: integer)
      case .double(let double): return ColumnValue(double: double)
      case .null: return .null
      case .missing: return ColumnValue(kind: .missing)
      }
    }
    let rows = (0..<Int32(batch.count)).map { $0 }
    rows.withUnsafeBufferPointer { rows in
      batch.map(\.time).withUnsafeBufferPointer { times in
        keys.withUnsafeBufferPointer { keys in
          state.apply(rows, times: times.baseAddress!, keys: keys.baseAddress!, into: output)
        }
      }
    }
    outcome.duplicates += output.duplicates.map { start + Int($0) }
    outcome.keyless += output.keyless.map { start + Int($0) }
    var moves = output.moves.map { $0 }
    for (position, row) in output.kept.enumerated() {
      while let move = moves.first, move.position <= position {
        outcome.steps.append("time \(move.time)")
        moves.removeFirst()
      }
      outcome.steps.append("row \(start + Int(row))")
    }
    outcome.steps += moves.map { "time \($0.time)" }
    if isSaved {
      let buffer = ByteBuffer()
      state.save(to: buffer)
      state = Deduplicator(settings)
      try state.load(UnsafeRawBufferPointer(buffer.bytes))
    }
    start = end
  }
  return (outcome, state)
}

private func settings(window: Int64, keyCountMax: Int = 1_000_000) -> DeduplicationSettings {
  DeduplicationSettings(column: 0, keyName: "id", window: window, keyCountMax: keyCountMax)
}

private func stream(_ random: inout TestRandom, count: Int, keys: Int) -> [Event] {
  var now = Int64.random(in: -100_000...100_000, using: &random)
  return (0..<count).map { _ in
    switch Int.random(in: 0..<40, using: &random) {
    case 0: now += Int64.random(in: 0...3000, using: &random)
    case 1...20: now += Int64.random(in: 0...20, using: &random)
    default: break
    }
    let time = now - (Bool.random(using: &random) ? 0 : Int64.random(in: 0...1500, using: &random))
    let number = Int.random(in: 0..<keys, using: &random)
    let key: TestValue
    switch Int.random(in: 0..<30, using: &random) {
    case 0: key = [.missing, .null, .double(1.5)].randomElement(using: &random)!
    case 1...10: key = .integer(Int64(number))
    case 11...20: key = .text("\(number)")
    default: key = .text("a key that is longer than sixteen bytes: \(number)")
    }
    return Event(time: time, key: key)
  }
}

@Suite struct `Deduplication` {
  @Test(arguments: 0..<(ProcessInfo.processInfo.environment["FRESHET_DEEP"] == "1" ? 10_000 : 150))
  func `is what a dictionary says, in batches of any size, saved and loaded anywhere`(seed: Int) throws {
    var random = TestRandom(seed: UInt64(seed))
    let window = [1, 10, 500, 2000, 1_000_000].randomElement(using: &random)!
    let events = stream(&random, count: 400, keys: [1, 20, 300].randomElement(using: &random)!)
    var model = DeduplicationModel(window: Int64(window))
    var expected = Outcome()
    var streamTime = Int64.min
    for (index, event) in events.enumerated() {
      let isDuplicate = model.isDuplicate(event)
      if isDuplicate == nil { expected.keyless.append(index) }
      if isDuplicate == true {
        expected.duplicates.append(index)
        if event.time > streamTime { expected.steps.append("time \(event.time)") }
      } else {
        expected.steps.append("row \(index)")
      }
      streamTime = max(streamTime, event.time)
    }
    let whole = try deduplicate(events, settings(window: Int64(window))) { (events.count, false) }.outcome
    #expect(whole == expected, "seed \(seed)")
    let cut = try deduplicate(events, settings(window: Int64(window))) {
      (Int.random(in: 1...90, using: &random), Int.random(in: 0..<3, using: &random) == 0)
    }
    #expect(cut.outcome == expected, "seed \(seed)")
    #expect(cut.state.forgottenCount == 0)
  }

  @Test(arguments: 0..<40)
  func `within bounded memory forgets the older half, the same wherever batches end`(seed: Int) throws {
    var random = TestRandom(seed: UInt64(seed))
    let events = stream(&random, count: 3000, keys: 2000)
    let settings = settings(window: 1_000_000, keyCountMax: 64)
    let whole = try deduplicate(events, settings) { (events.count, false) }
    let cut = try deduplicate(events, settings) {
      (Int.random(in: 1...90, using: &random), Int.random(in: 0..<3, using: &random) == 0)
    }
    #expect(cut.outcome == whole.outcome)
    #expect(whole.state.forgottenCount > 500 && whole.state.keyCount <= 64)
    // What it calls a duplicate is one; some it does not know any more.
    var model = DeduplicationModel(window: 1_000_000)
    let duplicates = Set(events.indices.filter { model.isDuplicate(events[$0]) == true })
    #expect(Set(whole.outcome.duplicates).isSubset(of: duplicates) && whole.outcome.duplicates.count < duplicates.count)
  }

  @Test func `a key counts again when its window has passed`() throws {
    //  0     1     2     3      window 2 s; the copies at 1.9 s and 1 s are the first's, the one at 2 s begins a window of its own
    let times: [Int64] = [0, 1900, 1000, 2000, 3900, 2100, 4000]
    let outcome = try deduplicate(times.map { Event(time: $0, key: .text("a")) }, settings(window: 2000)) { (100, false) }.outcome
    #expect(outcome.duplicates == [1, 2, 4, 5])
    #expect(outcome.steps == ["row 0", "time 1900", "row 3", "time 3900", "row 6"])
  }

  @Test func `a copy that comes later than the window is not known any more`() throws {
    let events = [Event(time: 0, key: .text("a")), Event(time: 2000, key: .text("b")), Event(time: 0, key: .text("a"))]
    #expect(try deduplicate(events, settings(window: 2000)) { (100, false) }.outcome.duplicates.isEmpty)
    #expect(try deduplicate(events, settings(window: 2001)) { (100, false) }.outcome.duplicates == [2])
  }

  @Test func `memory is bounded by the keys of two windows`() throws {
    let events = (0..<200_000).map { Event(time: Int64($0), key: .integer(Int64($0))) }
    let state = try deduplicate(events, settings(window: 1000)) { (4096, false) }.state
    #expect(state.keyCount <= 2000 && state.byteCount <= 2 * 4096 * 24)
  }

  @Test func `a saved state that was changed is refused`() throws {
    let events = (0..<20).map { Event(time: Int64($0), key: .integer(Int64($0))) }
    let state = try deduplicate(events, settings(window: 50)) { (7, false) }.state
    let buffer = ByteBuffer()
    state.save(to: buffer)
    let bytes = Array(buffer.bytes)
    func load(_ bytes: some Collection<UInt8>) throws(SnapshotError) {
      do {
        try Array(bytes).withUnsafeBytes { try Deduplicator(settings(window: 50)).load($0) }
      } catch let error as SnapshotError {
        throw error
      } catch {
        preconditionFailure("\(error)")
      }
    }
    try load(bytes)
    for count in stride(from: 0, to: bytes.count, by: 997) { #expect(throws: SnapshotError.self) { try load(bytes[..<count]) } }
    // All of the header but its spare words, and what follows here and there.
    for index in Array(0..<40) + Array(stride(from: 64, to: bytes.count, by: 991)) {
      var changed = bytes
      changed[index] ^= 0x40
      #expect(throws: SnapshotError.self) { try load(changed) }
    }
  }

  @Test func `a saved state is taken over by other settings as far as it serves them, and what it lacks is said`() throws {
    let events = (0..<200).map { Event(time: Int64($0), key: .integer(Int64($0))) }
    let state = try deduplicate(events, settings(window: 50)) { (7, false) }.state
    let out = SnapshotWriter()
    state.save(to: out)
    let buffer = ByteBuffer()
    out.finish(to: buffer)
    SnapshotWriter.seal(buffer)
    func load(_ settings: DeduplicationSettings) throws -> (keyCount: Int, note: String?) {
      let loaded = Deduplicator(settings)
      var input = try SnapshotReader(UnsafeRawBufferPointer(buffer.bytes))
      let note = try loaded.load(from: &input)
      return (loaded.keyCount, note)
    }
    #expect(try load(settings(window: 50)) == (state.keyCount, nil))
    #expect(try load(settings(window: 20)) == (state.keyCount, nil))
    #expect(try load(settings(window: 50, keyCountMax: 7)) == (state.keyCount, nil))
    #expect(
      try load(settings(window: 51))
        == (state.keyCount, "dedup remembers more from here on: of records before, copies are found within the old window only"))
    let other = DeduplicationSettings(column: 0, keyName: "other", window: 50, keyCountMax: 1000)
    #expect(
      try load(other)
        == (
          0,
          "dedup goes by 'other' instead of '\(settings(window: 50).keyName)' from here on: copies of records before are counted"
        ))
  }
}
