// Answers requests: many at once, with one round trip to the store.
//
//   requests -> queries of all of them -> reader -> cells -> what is computed of recent events, then of inputs -> `ServedRows` of each request

import Base
import Features
import Processing
import Records

/// Belongs to one thread, with its reader.
final class FeatureLookup {
  let reader: any OnlineReader
  private let plan: ServingPlan
  private let clock: any Clock
  private let progress: ServingProgress
  private let answer = OnlineAnswer()
  private let rows = FeatureRowBatch()
  private let scratch = ByteBuffer()
  /// What computes of recent events, by source and entity; made when first asked for.
  private var recentViews: [RecentEventsList.Identity: RecentEventsView] = [:]
  private var requestViews: [Int: RequestExpressions] = [:]
  private let served = ServedRows()

  /// Where the time of the last read went, in ns.
  private(set) var storeNanoseconds: UInt64 = 0

  init(_ plan: ServingPlan, _ reader: any OnlineReader, _ progress: ServingProgress, clock: any Clock = SystemClock()) {
    self.plan = plan
    self.reader = reader
    self.progress = progress
    self.clock = clock
  }

  /// Reads and computes what all requests need, and hands it over one by one, or the failure of that one; `body` looks at it and keeps nothing.
  /// Throws where nothing could be read.
  func answer(_ requests: [FeatureRequest], _ body: (Int, Result<ServedRows, any Error>) -> Void) throws {
    var queries: [OnlineQuery] = []
    // Per request: where its queries begin.
    var firstQueries: [Int] = []
    for request in requests {
      firstQueries.append(queries.count)
      append(request, to: &queries)
    }
    let started = clock.monotonicNanoseconds
    if queries.isEmpty { answer.removeAll() } else { try reader.read(queries, into: answer) }
    let read = clock.monotonicNanoseconds
    storeNanoseconds = read &- started
    let now = clock.nowMilliseconds
    for (index, request) in requests.enumerated() {
      let begun = clock.monotonicNanoseconds
      served.begin(request, answer, now: now)
      do { try fill(request, firstQueries[index], now) } catch {
        body(index, .failure(error))
        continue
      }
      served.computeNanoseconds = clock.monotonicNanoseconds &- begun
      served.storeNanoseconds = storeNanoseconds
      body(index, .success(served))
    }
  }

  // MARK: Queries

  private static let oneKey = KeyList([""])

  /// First those of stored groups in their order, then the lists.
  private func append(_ request: FeatureRequest, to queries: inout [OnlineQuery]) {
    for group in request.service.groups {
      guard case .stored(let selection) = group.origin else { continue }
      queries.append(OnlineQuery(selection, keys: group.entity.map { request.keys[$0] } ?? Self.oneKey))
    }
    for list in request.service.lists {
      queries.append(OnlineQuery(list.selection, keys: list.entityPlace.map { request.keys[$0] } ?? Self.oneKey))
    }
  }

  /// What `freshet get --explain` shows: the keys that are read.
  func keyTexts(_ request: FeatureRequest) -> [String] {
    var queries: [OnlineQuery] = []
    append(request, to: &queries)
    return queries.flatMap { query in (0..<query.keys.count).map { reader.keyText(query, $0) } }
  }

  // MARK: Groups

  private func fill(_ request: FeatureRequest, _ firstQuery: Int, _ now: Int64) throws {
    let service = request.service
    let storedCount = service.groups.count { if case .stored = $0.origin { true } else { false } }
    var query = firstQuery
    for (index, group) in service.groups.enumerated() {
      guard case .stored(let selection) = group.origin else { continue }
      served.place(index, firstCell: answer.starts[query], width: selection.width)
      fill(index, group, selection, run: answer.runs[query], rowCount: group.entity == nil ? 1 : request.rowCount)
      query += 1
    }
    for (index, list) in service.lists.enumerated() {
      let events = answer.starts[firstQuery + storedCount + index]
      try fill(list, index, firstCell: events, request, now)
    }
    for (index, group) in service.groups.enumerated() {
      guard case .request(let view) = group.origin else { continue }
      try fillRequest(index, group, view, request, now)
    }
  }

  /// States of rows as they are stored.
  private func fill(_ index: Int, _ group: ServedGroup, _ selection: OnlineSelection, run: OnlineRun?, rowCount: Int) {
    let width = selection.width
    let firstCell = served.firstCells[index]
    let fieldCount = selection.fields.count
    for row in 0..<rowCount {
      let start = firstCell + row * width
      var state = RowState()
      let asOfCell = answer.cells[start + fieldCount + OnlineSelection.Detail.asOf.rawValue]
      if answer.cells[start].count == OnlineCell.foreign.count {
        state.kind = .foreign
      } else if asOfCell.isPresent || (start..<start + width).contains(where: { answer.cells[$0].isPresent }) {
        state.kind = .found
        state.rowAsOf = answer.integer(asOfCell) ?? .min
        state.asOf = state.rowAsOf
        if let run { state.asOf = max(state.asOf, run.asOf) }
        if let topic = group.topic { state.asOf = max(state.asOf, watermark(topic, start + fieldCount)) }
        state.run = run?.run
      }
      served.append(state, maxAge: group.maxAge)
    }
    served.finish(index)
  }

  /// How far the partition of a row has come.
  private func watermark(_ topic: Int, _ details: Int) -> Int64 {
    let cell = answer.cells[details + OnlineSelection.Detail.position.rawValue]
    guard cell.isPresent else { return .min }
    let text = answer.text(cell)
    guard let colon = text.firstIndex(of: UInt8(ascii: ":")),
      let partition = answer.integer(OnlineCell(start: Int(cell.start), count: colon))
    else { return .min }
    return progress.watermark(ofTopic: topic, partition: Int(clamping: partition))
  }

  // MARK: Recent events

  private func fill(_ list: ServedList, _ index: Int, firstCell: Int, _ request: FeatureRequest, _ now: Int64) throws {
    let view = try recentView(list)
    let keys = list.entityPlace.map { request.keys[$0] }
    let rowCount = keys?.count ?? 1
    rows.removeAll()
    var readings: [RecentEventsView.Reading] = []
    readings.reserveCapacity(rowCount)
    for row in 0..<rowCount {
      view.begin()
      let cell = answer.cells[firstCell + row]
      if cell.count > 0 {
        for element in Int(cell.start)..<Int(cell.start) + Int(cell.count) { view.add(answer.text(answer.elements[element])) }
      }
      if let keys {
        let reading = try keys.bytes.withUnsafeBufferPointer { bytes in
          try view.compute(key: UnsafeBufferPointer(rebasing: bytes[keys.range(row)]), at: now, into: rows)
        }
        readings.append(reading)
      } else {
        readings.append(try view.compute(key: nil, at: now, into: rows))
      }
    }
    for (place, group) in request.service.groups.enumerated() {
      guard case .recent(index, let pipelineView) = group.origin, let position = view.views.firstIndex(of: pipelineView) else {
        continue
      }
      served.place(place, firstCell: answer.cells.count, width: group.width)
      for (row, reading) in readings.enumerated() {
        let first = Int(rows.rows[row * view.views.count + position].firstValue)
        for feature in 0..<group.width { answer.cells.append(cell(of: rows.values[first + feature])) }
        var state = RowState()
        state.kind = reading.eventCount > 0 ? .found : .empty
        state.asOf = reading.asOf
        state.rowAsOf = reading.asOf
        state.isTruncated = reading.isTruncated(position)
        served.append(state, maxAge: nil)
      }
      served.finish(place)
    }
  }

  private func recentView(_ list: ServedList) throws -> RecentEventsView {
    let identity = RecentEventsList.Identity(source: list.source, entity: list.entity)
    if let view = recentViews[identity] { return view }
    let view = try RecentEventsView(plan.pipeline, source: list.source, entity: list.entity, clock: clock)
    recentViews[identity] = view
    return view
  }

  /// Puts a value's JSON behind the texts that were read; null is no text.
  private func cell(of value: FeatureValue) -> OnlineCell {
    guard value.kind.rawValue > ValueKind.null.rawValue else { return .absent }
    let start = answer.bytes.count
    ServedFormat.append(value, in: rows, to: answer.bytes)
    return OnlineCell(start: start, count: answer.bytes.count - start)
  }

  // MARK: Requests

  private func fillRequest(_ index: Int, _ group: ServedGroup, _ view: Int, _ request: FeatureRequest, _ now: Int64) throws {
    let expressions =
      requestViews[view]
      ?? {
        let made = RequestExpressions(plan.pipeline.requestViews[view], in: plan.pipeline)
        requestViews[view] = made
        return made
      }()
    served.place(index, firstCell: answer.cells.count, width: group.width)
    var inputs: [String: TypedValue] = [:]
    for row in 0..<request.rowCount {
      for (name, values) in request.inputs { inputs[name] = values[row] }
      var asOf = Int64.max
      let results = try expressions.evaluate(inputs: inputs) { reference in
        guard let place = request.service.references[reference] else { return .null }
        let state = served.state(group: place.group, row: row)
        asOf = min(asOf, state.asOf)
        return value(place.format, served.cell(group: place.group, place: place.place, row: row), state, place.emptyValue)
      }
      for result in results {
        guard result.value != .null else {
          answer.cells.append(.absent)
          continue
        }
        let start = answer.bytes.count
        append(result.value)
        answer.cells.append(OnlineCell(start: start, count: answer.bytes.count - start))
      }
      var state = RowState()
      state.kind = .found
      // As current as the oldest value that it is made of.
      state.asOf = asOf == .max ? now : asOf
      state.rowAsOf = state.asOf
      served.append(state, maxAge: nil)
    }
    served.finish(index)
  }

  private func append(_ value: TypedValue) {
    let out = answer.bytes
    switch value {
    case .string(var text): text.withUTF8 { ServedFormat.appendString($0, to: out) }
    case .double(let value):
      out.reserve(NumberText.maximumByteCount)
      out.count += NumberText.write(value, to: out.base + out.count)
    default: out.append(value.text)
    }
  }

  /// A served value as expressions take it.
  private func value(_ format: ServedFormat, _ cell: OnlineCell, _ state: RowState, _ emptyValue: [UInt8]) -> TypedValue {
    scratch.removeAll()
    if state.isThere {
      guard cell.isPresent, format.append(answer.text(cell), to: scratch) else { return .null }
    } else {
      emptyValue.withUnsafeBufferPointer { scratch.append($0) }
    }
    return TypedValue(json: scratch.bytes)
  }
}

extension RecentEventsList {
  struct Identity: Hashable {
    var source: Int
    var entity: Int?
  }
}

extension TypedValue {
  /// A value that was checked to be JSON.
  init(json: UnsafeBufferPointer<UInt8>) {
    switch json.first {
    case UInt8(ascii: "t"): self = .bool(true)
    case UInt8(ascii: "f"): self = .bool(false)
    case UInt8(ascii: "n"), nil: self = .null
    case UInt8(ascii: "["), UInt8(ascii: "{"): self = .composite(String(decoding: json, as: UTF8.self))
    case UInt8(ascii: "\""):
      var input = JSONInput(json)
      self = (try? input.string()).map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null
    default:
      let text = String(decoding: json, as: UTF8.self)
      self = Int64(text).map { .integer($0) } ?? Double(text).map { .double($0) } ?? .null
    }
  }
}
