// Reading current values back from a real Redis: rows, runs of batches that change in between, lists, and what is no row.

import Base
import Features
import Records
import TestSupport
import Testing

@testable import RedisStore

struct RedisOnlineReaderTests {
  private let redis: TestRedis
  private let reader: RedisOnlineReader
  private let answer = OnlineAnswer()

  init() throws {
    redis = try TestRedis()
    reader = RedisOnlineReader(try redis.connection(), prefix: redis.prefix, pipeline: "shop")
  }

  private func tell(_ arguments: String...) throws {
    let connection = try redis.connection()
    let buffer = ByteBuffer()
    RESP.append(arguments, to: buffer)
    try connection.send(buffer.bytes)
    _ = try connection.checkedReply("telling")
  }

  /// Per query and key, the texts of its cells; of a list its elements.
  private func read(_ queries: [OnlineQuery]) throws -> [[[String?]]] {
    try reader.read(queries, into: answer)
    return queries.enumerated().map { index, query in
      (0..<query.keys.count).map { key in
        let start = answer.starts[index] + key * query.selection.width
        if case .events = query.selection.rows {
          let cell = answer.cells[start]
          return (0..<max(0, Int(cell.count))).map { text(answer.elements[Int(cell.start) + $0]) }
        }
        return (start..<start + query.selection.width).map { text(answer.cells[$0]) }
      }
    }
  }

  private func text(_ cell: OnlineCell) -> String? {
    if cell.count == OnlineCell.foreign.count { return "foreign" }
    return cell.isPresent ? String(decoding: answer.text(cell), as: UTF8.self) : nil
  }

  private let current = OnlineSelection(.current(view: "v"), isKeyed: true, fields: ["a", "b"])
  private let batch = OnlineSelection(.batch(view: "v"), isKeyed: true, fields: ["a"])

  @Test func `rows, lists and the one row of all are read in one go`() throws {
    let prefix = redis.prefix
    try tell("HSET", "\(prefix):v:u1", "a", "1", "b", "", "_as_of", "5", "_last_event", "4", "_written_at", "6", "_position", "0:9")
    try tell("HSET", "\(prefix):all", "n", "7")
    try tell("RPUSH", "\(prefix):_events:s:user:u1", "one", "two")
    let all = OnlineSelection(.current(view: "all"), isKeyed: false, fields: ["n"])
    let events = OnlineSelection(.events(source: "s", entity: "user"), isKeyed: true, fields: [])
    let found = try read([
      OnlineQuery(current, keys: KeyList(["u1", "u2"])), OnlineQuery(all, keys: KeyList([""])),
      OnlineQuery(events, keys: KeyList(["u1", "u2"])),
    ])
    #expect(found[0] == [["1", "", "5", "4", "6", "0:9"], [nil, nil, nil, nil, nil, nil]])
    #expect(found[1] == [["7", nil, nil, nil, nil]])
    #expect(found[2] == [["one", "two"], []])
    #expect(reader.keyText(OnlineQuery(current, keys: KeyList(["u1", "u2"])), 1) == "\(prefix):v:u2")
    #expect(try read([]).isEmpty)
  }

  @Test func `what is no row hurts nobody else`() throws {
    try tell("SET", "\(redis.prefix):v:odd", "x")
    try tell("HSET", "\(redis.prefix):v:u1", "a", "1")
    let found = try read([OnlineQuery(current, keys: KeyList(["odd", "u1"]))])
    #expect(found[0][0][0] == "foreign")
    #expect(found[0][1][0] == "1")
  }

  private func publish(run: Int, slot: String, asOf: Int) throws {
    try tell(
      "HSET", BatchPointer.key(prefix: redis.prefix, pipeline: "shop", view: "v"), "run", "\(run)", "slot", slot, "as_of", "\(asOf)"
    )
  }

  @Test func `rows of a batch are those of the run that was published, also when that changes`() throws {
    let prefix = redis.prefix
    let queries = [OnlineQuery(batch, keys: KeyList(["u1", "u2"]))]
    try tell("HSET", "\(prefix):v@batch:a:u1", "a", "old", "_run", "1")
    #expect(try read(queries) == [[[nil, nil, nil, nil, nil], [nil, nil, nil, nil, nil]]])
    #expect(answer.runs == [nil])
    try publish(run: 1, slot: "a", asOf: 100)
    #expect(try read(queries)[0].map { $0[0] } == ["old", nil])
    #expect(answer.runs == [OnlineRun(run: 1, asOf: 100)])
    // The next run is written beside it, and shows only when the pointer moves.
    try tell("HSET", "\(prefix):v@batch:b:u1", "a", "new", "_run", "2", "_as_of", "200")
    #expect(try read(queries)[0].map { $0[0] } == ["old", nil])
    try publish(run: 2, slot: "b", asOf: 200)
    #expect(try read(queries)[0].map { $0[0] } == ["new", nil])
    #expect(answer.runs == [OnlineRun(run: 2, asOf: 200)])
    // Leftovers of another run in the slot are not there.
    try tell("HSET", "\(prefix):v@batch:b:u2", "a", "left", "_run", "0")
    #expect(try read(queries)[0].map { $0[0] } == ["new", nil])
    // A run in the same slot.
    try tell("HSET", "\(prefix):v@batch:b:u2", "a", "newer", "_run", "3")
    try publish(run: 3, slot: "b", asOf: 300)
    #expect(try read(queries)[0].map { $0[0] } == [nil, "newer"])
    // Nothing is published any more.
    try tell("DEL", BatchPointer.key(prefix: prefix, pipeline: "shop", view: "v"))
    #expect(try read(queries)[0].map { $0[0] } == [nil, nil])
    #expect(answer.runs == [nil])
  }

  @Test func `keys are put behind their view, whatever bytes they have`() throws {
    var keys = KeyList()
    keys.append([0x00, 0xFF, 0x0D, 0x0A, 0x3A])
    keys.append([])
    try tell("HSET", "\(redis.prefix):v:", "a", "empty")
    #expect(try read([OnlineQuery(current, keys: keys)])[0].map { $0[0] } == [nil, "empty"])
  }

  @Test func `progress is what the fences say, for as many partitions as there are`() throws {
    let keys = FenceKeys(prefix: redis.prefix, pipeline: "shop", topic: "s.t")
    try tell("HSET", keys.fence(0), "watermark", "10", "partitions", "3")
    try tell("HSET", keys.fence(2), "watermark", "30")
    #expect(try reader.progress(ofTopics: ["s.t", "none"]) == [[10, nil, 30], [nil]])
  }

  @Test func `progress of a pipe counts where no topic has been processed`() throws {
    try tell("HSET", FenceKeys(prefix: redis.prefix, pipeline: "shop", topic: "s.stdin").fence(0), "watermark", "20")
    #expect(try reader.progress(ofTopics: ["s.t", "s.stdin", "u.t"]) == [[20], [20], [nil]])
    try tell("HSET", FenceKeys(prefix: redis.prefix, pipeline: "shop", topic: "s.t").fence(0), "watermark", "10", "partitions", "1")
    #expect(try reader.progress(ofTopics: ["s.t"]) == [[10]])
  }

  @Test func `numbers of cells are read with care`() {
    func integer(_ text: String) -> Int64? {
      answer.removeAll()
      answer.bytes.append(text)
      return answer.integer(OnlineCell(start: 0, count: text.utf8.count))
    }
    #expect(integer("0") == 0)
    #expect(integer("-12") == -12)
    #expect(integer("9223372036854775807") == .max)
    for text in ["", "-", "9223372036854775808", "99999999999999999999", "1a", "+1", " 1"] { #expect(integer(text) == nil) }
  }
}
