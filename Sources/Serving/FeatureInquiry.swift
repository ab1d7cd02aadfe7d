// One request without a server: the same plan, reader and texts, for the shell.

import Base
import Features

public struct FeatureInquiry {
  /// A value as people see it.
  public struct Value: Sendable {
    /// The keys of the row, as `name=value`.
    public var row: String
    /// `view.feature`, with the lane where that is not the view's first.
    public var feature: String
    /// JSON.
    public var value: String
    public var status: String
    public var asOf: Int64?
    public var ageMilliseconds: Int64?
    public var lane: String
    /// What else there is to know: the row's position, the run of a batch, that events are missing.
    public var remarks: [String]
    /// Whether events that may have been in the value are gone.
    public var isTruncated: Bool
  }

  public struct Answer: Sendable {
    public var values: [Value]
    /// As the server answers `GET /features/...`.
    public var json: String
    public var timing: [(name: String, microseconds: UInt64)]
    /// The keys of the store that were read.
    public var keys: [String]
  }

  private let plan: ServingPlan
  private let reader: any OnlineReader
  private let clock: any Clock

  public init(_ plan: ServingPlan, _ reader: any OnlineReader, clock: any Clock = SystemClock()) {
    self.plan = plan
    self.reader = reader
    self.clock = clock
  }

  /// - Parameter pairs: What the service needs, `key` for the key of its first entity. A failure says what is wrong with them.
  public func answer(service: String, pairs: [(name: String, value: String)], rowLimit: Int = 1000) throws -> Answer {
    try answer(pairs, rowLimit) { () throws(RequestFault) in try plan.service(named: service) }
  }

  /// - Parameter features: What is wanted, each as `view@lane:feature`.
  public func answer(features: [String], pairs: [(name: String, value: String)], rowLimit: Int = 1000) throws -> Answer {
    try answer(pairs, rowLimit) { () throws(RequestFault) in try plan.service(ofFeatures: features) }
  }

  private func answer(
    _ pairs: [(name: String, value: String)], _ rowLimit: Int, _ service: () throws(RequestFault) -> ServedService
  ) throws -> Answer {
    let received = clock.monotonicNanoseconds
    let request: FeatureRequest
    do throws(RequestFault) {
      request = try FeatureRequest(
        service(), key: nil, pairs: pairs.map { (Array($0.name.utf8), Array($0.value.utf8)) }, rowLimit: rowLimit
      )
    } catch { throw Failure(.usage, error.detail) }
    let parsed = clock.monotonicNanoseconds
    let progress = ServingProgress()
    if let found = try? reader.progress(ofTopics: plan.topics) { progress.set(found, at: clock.nowMilliseconds) }
    let lookup = FeatureLookup(plan, reader, progress, clock: clock)
    var outcome: Result<Answer, any Error>?
    try lookup.answer([request]) { _, result in
      outcome = result.map { rows in
        answer(rows, ServedTiming(parse: parsed &- received, store: rows.storeNanoseconds, compute: rows.computeNanoseconds))
      }
    }
    guard var answer = try outcome?.get() else { throw Failure(.failure, "nothing was looked up") }
    answer.keys = lookup.keyTexts(request)
    return answer
  }

  private func answer(_ rows: ServedRows, _ timing: ServedTiming) -> Answer {
    var timing = timing
    let out = ByteBuffer()
    let started = clock.monotonicNanoseconds
    AnswerText().appendRows(rows, timing, encodingSince: started, clock, to: out)
    timing.encode = clock.monotonicNanoseconds &- started
    let json = out.string
    var values: [Value] = []
    for row in 0..<rows.request.rowCount {
      let names = rows.request.echoes.filter(\.isKey).map { "\($0.name)=\(TypedValue(json: $0.values.key(row)).plainText)" }
      for column in rows.request.service.columns {
        out.removeAll()
        let status = rows.appendValue(column, row: row, to: out)
        let state = rows.state(group: column.group, row: row)
        // Where nothing is held there is nothing that has an age.
        let asOf = state.kind == .found && state.asOf != .min ? state.asOf : nil
        values.append(
          Value(
            row: names.joined(separator: " "), feature: column.reference, value: out.string, status: status.rawValue, asOf: asOf,
            ageMilliseconds: asOf.map { max(0, rows.now - $0) }, lane: column.lane.rawValue,
            remarks: remarks(rows, column, row, state), isTruncated: state.isTruncated))
      }
    }
    return Answer(values: values, json: json, timing: timing.fields, keys: [])
  }

  private func remarks(_ rows: ServedRows, _ column: ServedColumn, _ row: Int, _ state: RowState) -> [String] {
    var remarks: [String] = []
    if let position = rows.detail(.position, group: column.group, row: row)?.split(separator: ":"), position.count == 2 {
      remarks.append("partition \(position[0]) before offset \(position[1])")
    }
    if let written = rows.detail(.writtenAt, group: column.group, row: row).flatMap({ Int64($0) }) {
      remarks.append("written \(max(0, rows.now &- written)) ms ago")
    }
    if let run = state.run { remarks.append("run \(run)") }
    if state.isTruncated { remarks.append("older events are missing") }
    if state.kind == .foreign { remarks.append("the key holds something else") }
    return remarks
  }
}
