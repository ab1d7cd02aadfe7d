// Current values out of Redis: HMGET per row, LRANGE per list of events, and a look at the pointer per view of a batch, all sent at once. What the
// rows of batch runs are called depends on the pointer, so they are asked for as it was last known, and once more where it has moved.

import Base
import Features
import Records

/// Owns a connection.
public final class RedisOnlineReader: OnlineReader {
  public var name: String { connection.name }

  /// How a selection's commands begin and end.
  private struct Layout {
    /// Keeps the selection's identity from being another's.
    var selection: OnlineSelection
    /// `*N $5 HMGET`, or `*4 $6 LRANGE`.
    var head: [UInt8]
    /// `{prefix}:{view}:`, without the colon where there are no keys.
    var keyStart: [UInt8]
    var tail: [UInt8]
    var batchView: String?
  }

  private let connection: RedisConnection
  private let prefix: String
  private let pipeline: String
  private var layouts: [ObjectIdentifier: Layout] = [:]
  private var pointers: [String: BatchPointer] = [:]
  private let commands = ByteBuffer(capacity: 1 << 16)
  private let scratch = ByteBuffer(capacity: 256)

  /// Selections that are remembered; those of services are few, others come with requests.
  private static let layoutLimit = 1024

  public init(_ connection: RedisConnection, prefix: String, pipeline: String) {
    self.connection = connection
    self.prefix = prefix
    self.pipeline = pipeline
  }

  public func ping() throws { try connection.retrying { _ = try connection.command("PING", what: "asking whether Redis answers") } }

  // MARK: Rows

  public func read(_ queries: [OnlineQuery], into answer: OnlineAnswer) throws {
    let layouts = queries.map { layout(of: $0.selection) }
    // Another pointer: another slot, or another run in the same one. A third change within a read is as likely as none.
    for _ in 0..<3 {
      answer.removeAll()
      let batchViews = Set(layouts.compactMap(\.batchView)).sorted()
      var found: [String: BatchPointer] = [:]
      try attempt(queries, layouts, batchViews, answer, &found)
      let isCurrent = batchViews.allSatisfy { found[$0] == pointers[$0] }
      pointers.merge(found) { $1 }
      for view in batchViews where found[view] == nil { pointers[view] = nil }
      if isCurrent { return }
    }
    throw Failure(.unavailable, "\(name): batch runs are published again and again while rows are read", isRetryable: true)
  }

  private func attempt(
    _ queries: [OnlineQuery], _ layouts: [Layout], _ batchViews: [String], _ answer: OnlineAnswer,
    _ found: inout [String: BatchPointer]
  ) throws {
    var places: [(query: Int, key: Int)] = []
    for (index, query) in queries.enumerated() {
      for key in 0..<query.keys.count { places.append((index, key)) }
    }
    // Cells are in the order of queries and keys, also where a cluster answers in another one.
    var starts: [Int] = []
    var count = 0
    for query in queries {
      starts.append(count)
      count += query.keys.count * query.selection.width
    }
    answer.cells.append(contentsOf: repeatElement(.absent, count: count))
    answer.starts = starts
    answer.runs = layouts.map { $0.batchView.flatMap { pointers[$0] }.map { OnlineRun(run: $0.run, asOf: $0.asOf) } }
    func takeAnswer(_ index: Int, _ reply: borrowing RedisReply) {
      if index < batchViews.count {
        found[batchViews[index]] = Self.pointer(reply)
        return
      }
      let (query, key) = places[index - batchViews.count]
      let width = queries[query].selection.width
      let run = answer.runs[query]?.run
      take(reply, queries[query].selection, run, at: starts[query] + key * width, answer)
    }
    func appendCommand(_ index: Int, _ out: ByteBuffer) -> Int {
      guard index >= batchViews.count else { return appendPointer(batchViews[index], to: out) }
      let (query, key) = places[index - batchViews.count]
      return append(layouts[query], queries[query].keys, key, to: out)
    }
    let total = batchViews.count + places.count
    if let cluster = connection.cluster {
      // A key of another type is an error of its command there, too, which the pipeline would throw.
      try ClusterPipeline(cluster, what: "reading features").run(count: total, append: appendCommand, answer: takeAnswer)
      return
    }
    try connection.retrying {
      commands.removeAll()
      answer.bytes.removeAll()
      answer.elements.removeAll(keepingCapacity: true)
      for index in 0..<total { _ = appendCommand(index, commands) }
      try connection.send(commands.bytes)
      var input = RESPInput(connection, answer.bytes)
      // Every answer is read, also after an error: the next command must find its own.
      var refusal: String?
      for view in batchViews { found[view] = try Self.pointer(&input, answer, &refusal) }
      for (query, key) in places {
        let selection = queries[query].selection
        try takeReply(&input, selection, answer.runs[query]?.run, at: starts[query] + key * selection.width, answer, &refusal)
      }
      if let refusal { throw connection.failure(refusal, "reading features") }
    }
  }

  /// Reads a row's texts, or a list's, to where they belong.
  private func takeReply(
    _ input: inout RESPInput, _ selection: OnlineSelection, _ run: Int64?, at start: Int, _ answer: OnlineAnswer,
    _ refusal: inout String?
  ) throws {
    let count: Int
    switch try input.head() {
    case .list(let elements): count = max(0, elements)
    case .error(let text):
      if !text.hasPrefix("WRONGTYPE") { refusal = refusal ?? text }
      answer.cells[start] = .foreign
      return
    case .text(let bytes):
      _ = try input.text(bytes)
      return
    case .integer, .status: return
    }
    if case .events = selection.rows {
      let first = answer.elements.count
      for _ in 0..<count { answer.elements.append(try input.cell()) }
      answer.cells[start] = OnlineCell(start: first, count: count)
      return
    }
    let width = selection.width
    try answer.cells.withUnsafeMutableBufferPointer { cells in
      for index in 0..<count {
        let cell = try input.cell()
        if index < width {
          cells[start + index] = cell
        } else if run == nil || answer.integer(cell) != run {
          // The row of another run is none.
          for place in start..<start + width { cells[place] = .absent }
        }
      }
    }
  }

  private static func pointer(_ input: inout RESPInput, _ answer: OnlineAnswer, _ refusal: inout String?) throws -> BatchPointer? {
    switch try input.head() {
    case .list(let count):
      var texts: [String] = []
      for _ in 0..<max(0, count) {
        let cell = try input.cell()
        texts.append(cell.isPresent ? String(decoding: answer.text(cell), as: UTF8.self) : "")
      }
      return texts.count == 3 ? BatchPointer(["run": texts[0], "slot": texts[1], "as_of": texts[2]]) : nil
    case .error(let text):
      if !text.hasPrefix("WRONGTYPE") { refusal = refusal ?? text }
      return nil
    case .text(let count):
      _ = try input.text(count)
      return nil
    case .integer, .status: return nil
    }
  }

  /// Puts a row's texts, or a list's, where they belong.
  private func take(
    _ reply: borrowing RedisReply, _ selection: OnlineSelection, _ run: Int64?, at start: Int, _ answer: OnlineAnswer
  ) {
    if reply.error != nil {
      answer.cells[start] = .foreign
      return
    }
    if case .events = selection.rows {
      let first = answer.elements.count
      for index in 0..<reply.count { answer.elements.append(Self.cell(reply, index, answer)) }
      answer.cells[start] = OnlineCell(start: first, count: reply.count)
      return
    }
    let width = selection.width
    if case .batch = selection.rows {
      // The row of another run is none.
      guard let run, reply.count > width, reply.text(at: width) == "\(run)" else { return }
    }
    guard reply.count >= width else { return }
    answer.bytes.reserve(width * 16)
    for index in 0..<width { answer.cells[start + index] = Self.cell(reply, index, answer) }
  }

  private static func cell(_ reply: borrowing RedisReply, _ index: Int, _ answer: OnlineAnswer) -> OnlineCell {
    reply.withBytes(at: index) { text in
      let start = answer.bytes.count
      answer.bytes.append(text)
      return OnlineCell(start: start, count: text.count)
    } ?? .absent
  }

  // MARK: Commands

  private func layout(of selection: OnlineSelection) -> Layout {
    if let known = layouts[ObjectIdentifier(selection)] { return known }
    if layouts.count >= Self.layoutLimit { layouts.removeAll() }
    let layout = makeLayout(selection)
    layouts[ObjectIdentifier(selection)] = layout
    return layout
  }

  private func makeLayout(_ selection: OnlineSelection) -> Layout {
    let buffer = ByteBuffer()
    func bytes() -> [UInt8] {
      defer { buffer.removeAll() }
      return Array(buffer.bytes)
    }
    var names = selection.fields + OnlineSelection.Detail.allCases.map(\.fieldName)
    let start: String
    var batchView: String?
    switch selection.rows {
    case .current(let view): start = "\(prefix):\(view)"
    case .batch(let view):
      start = BatchPointer.rowKeyStart(prefix: prefix, view: view, slot: .a)
      batchView = view
      names.append(BatchPointer.runField)
    case .events(let source, let entity):
      start = "\(prefix):_events:\(source):\(entity ?? "all")"
      RESP.appendCommand(argumentCount: 4, to: buffer)
      RESP.append("LRANGE", to: buffer)
      let head = bytes()
      RESP.append("0", to: buffer)
      RESP.append("-1", to: buffer)
      return Layout(selection: selection, head: head, keyStart: Array((start + (selection.isKeyed ? ":" : "")).utf8), tail: bytes())
    }
    RESP.appendCommand(argumentCount: 2 + names.count, to: buffer)
    RESP.append("HMGET", to: buffer)
    let head = bytes()
    for name in names { RESP.append(name, to: buffer) }
    let keyStart = batchView == nil && selection.isKeyed ? start + ":" : start
    return Layout(selection: selection, head: head, keyStart: Array(keyStart.utf8), tail: bytes(), batchView: batchView)
  }

  /// Appends a row's command; returns the slot of its key where there is a cluster.
  private func append(_ layout: Layout, _ keys: KeyList, _ index: Int, to out: ByteBuffer) -> Int {
    layout.head.withUnsafeBufferPointer { out.append($0) }
    appendKey(layout, keys, index)
    RESP.append(scratch.bytes, to: out)
    layout.tail.withUnsafeBufferPointer { out.append($0) }
    return connection.isCluster ? KeySlot.of(scratch.bytes) : 0
  }

  /// Leaves the key's text in `scratch`.
  private func appendKey(_ layout: Layout, _ keys: KeyList, _ index: Int) {
    scratch.removeAll()
    layout.keyStart.withUnsafeBufferPointer { scratch.append($0) }
    if let view = layout.batchView {
      // The slot's letter stands last.
      if pointers[view]?.slot == .b { scratch.base[scratch.count - 1] = UInt8(ascii: "b") }
      if layout.selection.isKeyed { scratch.append(UInt8(ascii: ":")) }
    }
    guard layout.selection.isKeyed else { return }
    keys.bytes.withUnsafeBufferPointer { scratch.append(UnsafeBufferPointer(rebasing: $0[keys.range(index)])) }
  }

  public func keyText(_ query: OnlineQuery, _ index: Int) -> String {
    appendKey(layout(of: query.selection), query.keys, index)
    return scratch.string
  }

  // MARK: Batch runs

  private func appendPointer(_ view: String, to out: ByteBuffer) -> Int {
    let key = BatchPointer.key(prefix: prefix, pipeline: pipeline, view: view)
    RESP.append(["HMGET", key, "run", "slot", "as_of"], to: out)
    return connection.isCluster ? KeySlot.of(key) : 0
  }

  private static func pointer(_ reply: borrowing RedisReply) -> BatchPointer? {
    guard let texts = reply.texts, texts.count == 3 else { return nil }
    return BatchPointer(["run": texts[0], "slot": texts[1], "as_of": texts[2]])
  }

  // MARK: Progress

  public func progress(ofTopics topics: [String]) throws -> [[Int64?]] {
    try topics.map { topic in
      let keys = FenceKeys(prefix: prefix, pipeline: pipeline, topic: topic)
      var watermarks: [Int64?] = []
      // The fence of a partition says how many the topic has.
      var count = 1
      while watermarks.count < count {
        let key = keys.fence(PartitionIndex(watermarks.count))
        let (mark, partitions) = try connection.retrying(at: key) { node in
          let reply = try node.command("HMGET", key, "watermark", "partitions", what: "reading \(key)")
          return (reply.text(at: 0).flatMap { Int64($0) }, reply.text(at: 1).flatMap { Int($0) })
        }
        watermarks.append(mark)
        count = max(count, min(partitions ?? 1, Self.partitionLimit))
      }
      // Where no topic has been processed, a pipe may have been in its place.
      if watermarks == [nil], !topic.hasSuffix(Self.pipe), let dot = topic.firstIndex(of: ".") {
        return try progress(ofTopics: [topic[..<dot] + Self.pipe])[0]
      }
      return watermarks
    }
  }

  /// What control keys call standard input, behind the name of a source.
  private static let pipe = ".stdin"

  private static let partitionLimit = 4096
}
