// The texts of answers: Feast's, which goes column by column, and our own, which goes row by row and says where each value comes from. Both are
// written straight into one buffer.

import Base
import Features

/// Where the time of a request went, in ns.
struct ServedTiming: Sendable {
  /// Reading the request.
  var parse: UInt64 = 0
  /// Waiting for a thread that looks up.
  var queue: UInt64 = 0
  /// The round trip, which requests that wait together share.
  var store: UInt64 = 0
  /// Recent events, and expressions.
  var compute: UInt64 = 0
  var encode: UInt64 = 0

  /// In microseconds, as answers show it.
  var fields: [(name: String, microseconds: UInt64)] {
    [
      ("parse_us", parse / 1000), ("queue_us", queue / 1000), ("redis_us", store / 1000), ("compute_us", compute / 1000),
      ("encode_us", encode / 1000),
    ]
  }
}

/// Belongs to one thread.
final class AnswerText {
  private let statuses = ByteBuffer()
  private let times = ByteBuffer()
  /// The texts of the times of `ServedRows.states`, `timeWidth` apart, and how long each is.
  private let timeTexts = ByteBuffer()
  private var timeCounts: [Int] = []

  /// Values since `takeCounts`, by the place of their status.
  private var counts = Array(repeating: Int64(0), count: ServedStatus.allCases.count)

  /// `"2026-01-01T00:00:00.000Z"` with a comma before it.
  private static let timeWidth = 27
  private static let epoch: StaticString = "\"1970-01-01T00:00:00Z\""

  /// How many values were written since the last call, by status.
  func takeCounts() -> [(ServedStatus, Int64)] {
    defer { for index in counts.indices { counts[index] = 0 } }
    return zip(ServedStatus.allCases, counts).filter { $0.1 > 0 }
  }

  // MARK: Feast's

  func appendFeast(_ rows: ServedRows, to out: ByteBuffer) {
    let request = rows.request!
    let service = request.service
    let keys = request.echoes.filter(\.isKey)
    out.append("{\"metadata\":{\"feature_names\":[" as StaticString)
    out.append(keys.map { JSONText.quoted($0.name) }.joined(separator: ","))
    if !keys.isEmpty, !service.columns.isEmpty { out.append(UInt8(ascii: ",")) }
    (request.usesFullNames ? service.fullNamesJSON : service.shortNamesJSON).withUnsafeBufferPointer { out.append($0) }
    out.append("]},\"results\":[" as StaticString)
    for (index, echo) in keys.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      append(echo, to: out)
    }
    formatTimes(rows)
    for (index, column) in service.columns.enumerated() {
      if index > 0 || !keys.isEmpty { out.append(UInt8(ascii: ",")) }
      append(column, rows, to: out)
    }
    out.append("]}" as StaticString)
  }

  private func append(_ echo: FeatureRequest.Echo, to out: ByteBuffer) {
    out.append("{\"values\":[" as StaticString)
    echo.values.bytes.withUnsafeBufferPointer { bytes in
      for row in 0..<echo.values.count {
        if row > 0 { out.append(UInt8(ascii: ",")) }
        out.append(UnsafeBufferPointer(rebasing: bytes[echo.values.range(row)]))
      }
    }
    out.append("],\"statuses\":[" as StaticString)
    for row in 0..<echo.values.count { out.append(row > 0 ? ",\"PRESENT\"" as StaticString : "\"PRESENT\"") }
    out.append("],\"event_timestamps\":[" as StaticString)
    for row in 0..<echo.values.count {
      if row > 0 { out.append(UInt8(ascii: ",")) }
      out.append(Self.epoch)
    }
    out.append("]}" as StaticString)
  }

  private func append(_ column: ServedColumn, _ rows: ServedRows, to out: ByteBuffer) {
    statuses.removeAll()
    times.removeAll()
    out.append("{\"values\":[" as StaticString)
    for row in 0..<rows.request.rowCount {
      if row > 0 {
        out.append(UInt8(ascii: ","))
        statuses.append(UInt8(ascii: ","))
        times.append(UInt8(ascii: ","))
      }
      let status = rows.appendValue(column, row: row, to: out)
      counts[status.place] += 1
      statuses.append(Self.feastText(status))
      let state = rows.stateIndex(group: column.group, row: row)
      times.append(timeTexts.base + state * Self.timeWidth, count: timeCounts[state])
    }
    out.append("],\"statuses\":[" as StaticString)
    out.append(statuses.bytes)
    out.append("],\"event_timestamps\":[" as StaticString)
    out.append(times.bytes)
    out.append("]}" as StaticString)
  }

  private static func feastText(_ status: ServedStatus) -> StaticString {
    switch status {
    case .present: "\"PRESENT\""
    case .null: "\"NULL_VALUE\""
    case .notFound: "\"NOT_FOUND\""
    case .stale: "\"OUTSIDE_MAX_AGE\""
    case .invalid: "\"INVALID\""
    }
  }

  /// RFC 3339 with as many decimals as are needed, as protobuf writes times.
  private func formatTimes(_ rows: ServedRows) {
    timeTexts.removeAll()
    timeTexts.reserve(rows.states.count * Self.timeWidth)
    timeCounts.removeAll(keepingCapacity: true)
    for (index, state) in rows.states.enumerated() {
      let start = timeTexts.base + index * Self.timeWidth
      // What is not there has no time.
      let time = state.kind == .found && state.asOf != .min ? state.asOf : 0
      start[0] = UInt8(ascii: "\"")
      TimeText.writeRFC3339Milliseconds(time, to: start + 1)
      var count = 25
      if time % 1000 == 0 {
        start[20] = UInt8(ascii: "Z")
        count = 21
      }
      start[count] = UInt8(ascii: "\"")
      timeCounts.append(count + 1)
    }
  }

  // MARK: Our own

  /// - Parameter started: When the encoding began, by `clock`.
  func appendRows(_ rows: ServedRows, _ timing: ServedTiming, encodingSince started: UInt64, _ clock: any Clock, to out: ByteBuffer)
  {
    let request = rows.request!
    out.append("{\"service\":\(JSONText.quoted(request.service.name)),\"now\":\(rows.now),\"rows\":[")
    for row in 0..<request.rowCount {
      if row > 0 { out.append(UInt8(ascii: ",")) }
      append(request.echoes.filter(\.isKey), "{\"keys\":{", row, to: out)
      if request.echoes.contains(where: { !$0.isKey }) {
        append(request.echoes.filter { !$0.isKey }, ",\"inputs\":{", row, to: out)
      }
      out.append(",\"features\":{" as StaticString)
      for (index, column) in request.service.columns.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        request.service.openings[index].withUnsafeBufferPointer { out.append($0) }
        append(column, rows, row, to: out)
      }
      out.append("}}" as StaticString)
    }
    var timing = timing
    timing.encode = clock.monotonicNanoseconds &- started
    let fields = timing.fields.map { "\"\($0.name)\":\($0.microseconds)" }
    out.append("],\"timing\":{\(fields.joined(separator: ","))}}")
  }

  private func append(_ echoes: [FeatureRequest.Echo], _ opening: StaticString, _ row: Int, to out: ByteBuffer) {
    out.append(opening)
    for (index, echo) in echoes.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      out.append(JSONText.quoted(echo.name))
      out.append(UInt8(ascii: ":"))
      echo.values.bytes.withUnsafeBufferPointer { out.append(UnsafeBufferPointer(rebasing: $0[echo.values.range(row)])) }
    }
    out.append(UInt8(ascii: "}"))
  }

  private func append(_ column: ServedColumn, _ rows: ServedRows, _ row: Int, to out: ByteBuffer) {
    let status = rows.appendValue(column, row: row, to: out)
    counts[status.place] += 1
    let state = rows.state(group: column.group, row: row)
    out.append(",\"status\":\"" as StaticString)
    out.append(status.rawValue)
    if state.isThere, state.asOf != .min {
      out.append("\",\"as_of\":" as StaticString)
      append(state.asOf, to: out)
      out.append(",\"age_ms\":" as StaticString)
      append(max(0, rows.now - state.asOf), to: out)
    } else {
      out.append("\",\"as_of\":null,\"age_ms\":null" as StaticString)
    }
    out.append(",\"lane\":\"" as StaticString)
    out.append(column.lane.rawValue)
    out.append(UInt8(ascii: "\""))
    if let run = state.run {
      out.append(",\"run\":" as StaticString)
      append(run, to: out)
    }
    if state.isTruncated { out.append(",\"truncated\":true" as StaticString) }
    out.append(UInt8(ascii: "}"))
  }

  private func append(_ number: Int64, to out: ByteBuffer) {
    out.reserve(NumberText.maximumByteCount)
    out.count += NumberText.write(number, to: out.base + out.count)
  }

  // MARK: What was served

  /// A line per value, for whoever compares lanes later. `as_of` and `position` are the row's own: what was served is the value of the records
  /// before that position, at that time.
  func appendLog(_ rows: ServedRows, to out: ByteBuffer) {
    let request = rows.request!
    let key = request.echoes.first(where: \.isKey)
    for (index, column) in request.service.columns.enumerated() {
      for row in 0..<request.rowCount {
        let state = rows.state(group: column.group, row: row)
        out.append("{\"time\":\(rows.now),\"service\":\(JSONText.quoted(request.service.name))")
        out.append(",\"view\":\(JSONText.quoted(column.view)),\"lane\":\"\(column.lane.rawValue)\",\"key\":")
        let entity = request.service.groups[column.group].entity
        if let entity {
          let keys = request.keys[entity]
          keys.bytes.withUnsafeBufferPointer {
            ServedFormat.appendString(UnsafeBufferPointer(rebasing: $0[keys.range(row)]), to: out)
          }
        } else if case .request = request.service.groups[column.group].origin, let key {
          out.append(JSONText.quoted(TypedValue(json: Array(key.values.key(row))).plainText))
        } else {
          out.append("null" as StaticString)
        }
        out.append(",\"feature\":\(JSONText.quoted(request.service.columns[index].feature)),\"value\":")
        let status = rows.appendValue(column, row: row, to: out)
        let position = rows.detail(.position, group: column.group, row: row).map(JSONText.quoted) ?? "null"
        let asOf = state.rowAsOf == .min ? "null" : "\(state.rowAsOf)"
        let run = state.run.map { "\($0)" } ?? "null"
        out.append(",\"status\":\"\(status.rawValue)\",\"as_of\":\(asOf),\"position\":\(position),\"run\":\(run)")
        if state.isTruncated { out.append(",\"truncated\":true" as StaticString) }
        out.append("}\n" as StaticString)
      }
    }
  }
}

extension TypedValue {
  init(json: [UInt8]) { self = json.withUnsafeBufferPointer { TypedValue(json: $0) } }

  /// Without a string's quotes.
  var plainText: String { if case .string(let text) = self { text } else { text } }
}
