// The file of `generate --truth`, read back. Its format is drawn at `TruthLog`.

import Base
import Codec
import Foundation
import Generation
import Records
import Schema

/// What a truth file says.
public struct TruthFile {
  /// What made the stream.
  public struct Header: Sendable {
    public var schemaPath: String
    public var schemaHash: String
    /// In place of the schema's own.
    public var format: String?
    /// What the identifiers of CloudEvents begin with, nil where there are none.
    public var identifierPrefix: String?
    public var programVersion: String
    public var seed: UInt64
    public var settings: GenerationSettings
    public var isRealTime: Bool
    public var bucketMilliseconds: Int64
  }

  /// The counts of a part of event time, or of all.
  public struct Counts: Sendable, Equatable {
    /// Records of the clean stream, by event.
    public var events: [String: Int64] = [:]
    /// `sent`, `unsent`, and each fault.
    public var numbers: [String: Int64] = [:]

    public static let names = ["sent"] + RecordMarks.faults.map(\.name) + ["unsent"]
  }

  public var name: String
  public var header: Header
  /// By number.
  public var labels: [Int64: RecordLabels] = [:]
  /// By start, in ms since the epoch.
  public var buckets: [Int64: Counts] = [:]
  public var total = Counts()
  /// How many records of the clean stream there were.
  public var numbers: UInt64 = 0

  /// Reads a whole file. Fails with 65 where it is not a truth file, or ends before its end.
  public init(_ source: any Source) throws {
    name = source.name
    let reader = TruthLineReader()
    let batch = RecordBatch()
    let columns = Columns(columnCount: reader.paths.count)
    var header: Header?
    var labels: [Int64: RecordLabels] = [:]
    var lineNumber = 0
    var hasEnd = false
    while try source.poll(into: batch, maximumCount: 4096, timeoutMilliseconds: 1000) != .endOfInput {
      reader.json.decode(batch, into: columns)
      for row in 0..<batch.count {
        lineNumber += 1
        let place = "\(source.name):\(lineNumber)"
        guard !hasEnd else { throw Failure(.badData, "\(place): a line behind the end of the truth; are these two files?") }
        switch reader.kind(columns, row) {
        case "stream" where header == nil: header = try Self.header(batch.value(row), place)
        case "fault" where header != nil:
          guard reader.add(columns, row, to: &labels) else {
            throw Failure(.badData, "\(place): a fault without a known name and number")
          }
        case "bucket" where header != nil:
          let object = try Self.object(batch.value(row), place)
          guard let start = Self.integer(object["start"]) else { throw Failure(.badData, "\(place): a bucket without a start") }
          buckets[start] = Self.counts(object)
        case "end" where header != nil:
          let object = try Self.object(batch.value(row), place)
          guard let numbers = Self.integer(object["numbers"]), numbers >= 0 else {
            throw Failure(.badData, "\(place): an end without 'numbers'")
          }
          self.numbers = UInt64(numbers)
          total = Self.counts(object)
          hasEnd = true
        default:
          throw Failure(.badData, "\(place): expected \(header == nil ? "the header of a truth file" : "a line of a truth file")")
        }
      }
    }
    guard let header else { throw Failure(.badData, "\(source.name): empty; expected a file that 'generate --truth' has written") }
    guard hasEnd else { throw Failure(.badData, "\(source.name): no end; was the run that wrote it killed?") }
    self.header = header
    self.labels = labels
  }

  /// The stream, made again: as it went out, or as it would have without faults.
  func generator(_ plan: GenerationPlan, isClean: Bool = false) -> LabelledGenerator {
    let labels = self.labels
    return LabelledGenerator(plan, header.settings, numbers: numbers) { isClean ? nil : labels[$0] }
  }

  // MARK: - Lines that are read once

  private static func object(_ value: UnsafeBufferPointer<UInt8>, _ place: String) throws(Failure) -> [String: Any] {
    guard let object = (try? JSONSerialization.jsonObject(with: Data(value))) as? [String: Any] else {
      throw Failure(.badData, "\(place): not an object of JSON")
    }
    return object
  }

  private static func integer(_ value: Any?) -> Int64? {
    guard let number = value as? NSNumber, let integer = Int64(number.stringValue) else { return nil }
    return integer
  }

  private static func counts(_ object: [String: Any]) -> Counts {
    var counts = Counts()
    for (name, value) in object["events"] as? [String: Any] ?? [:] { counts.events[name] = integer(value) ?? -1 }
    for name in Counts.names { counts.numbers[name] = integer(object[name]) ?? -1 }
    return counts
  }

  private static func header(_ value: UnsafeBufferPointer<UInt8>, _ place: String) throws(Failure) -> Header {
    let object = try object(value, place)
    func wrong(_ name: String) -> Failure { Failure(.badData, "\(place): no sound '\(name)' in the header of the truth") }
    guard integer(object["version"]) == 1 else {
      throw Failure(.badData, "\(place): a truth of version \(object["version"] ?? "none"); expected 1")
    }
    guard let path = object["schema"] as? String else { throw wrong("schema") }
    guard let seed = (object["seed"] as? NSNumber).flatMap({ UInt64($0.stringValue) }) else { throw wrong("seed") }
    let representable = GenerationSettings.representableMilliseconds
    guard let start = integer(object["start"]), representable.contains(start) else { throw wrong("start") }
    guard let bucket = integer(object["bucket_ms"]), bucket > 0 else { throw wrong("bucket_ms") }
    guard let shard = (object["shard"] as? String).flatMap(shard) else { throw wrong("shard") }
    var settings = GenerationSettings(startMilliseconds: start, shard: shard, streamName: object["stream"] as? String)
    if object["until"] != nil {
      guard let until = integer(object["until"]), representable.contains(until) else { throw wrong("until") }
      settings.endMilliseconds = until
    }
    if let load = object["load"] {
      guard let shape = (load as? [String: Any]).flatMap(load(_:)) else { throw wrong("load") }
      settings.load = shape
    }
    return Header(
      schemaPath: path, schemaHash: object["schema_hash"] as? String ?? "", format: object["format"] as? String,
      identifierPrefix: object["id_prefix"] as? String,
      programVersion: object["freshet"] as? String ?? "",
      seed: seed, settings: settings, isRealTime: object["realtime"] as? Bool ?? false,
      bucketMilliseconds: bucket)
  }

  private static func shard(_ text: String) -> Shard? {
    let parts = text.split(separator: "/").map { Int($0) }
    guard parts.count == 2, let index = parts[0], let count = parts[1], count > 0, (0..<count).contains(index) else { return nil }
    return Shard(index: index, count: count)
  }

  /// As the schema's reader bounds loads: what is drawn from them ends.
  private static func load(_ object: [String: Any]) -> LoadShape? {
    func number(_ value: Any?) -> Double? { (value as? NSNumber)?.doubleValue }
    let rates = 0.0...1e12
    let isRepeated = object["repeat"] as? Bool ?? false
    var segments: [LoadShape.Segment] = []
    var hasRate = false
    for segment in object["segments"] as? [[String: Any]] ?? [] {
      let length = number(segment["for_ms"]) ?? .infinity
      guard length >= 1, length.isFinite || !isRepeated else { return nil }
      if let from = number(segment["from"]), let to = number(segment["to"]), rates.contains(from), rates.contains(to) {
        hasRate = hasRate || from + to > 0
        segments.append(.init(lengthMilliseconds: length, curve: .line(from: from, to: to)))
      } else if let mean = number(segment["mean"]), let amplitude = number(segment["amplitude"]),
        let period = number(segment["period_ms"]), rates.contains(mean), abs(amplitude) <= mean, period >= 1
      {
        hasRate = hasRate || mean > 0
        segments.append(
          .init(lengthMilliseconds: length, curve: .sine(mean: mean, amplitude: amplitude, periodMilliseconds: period)))
      } else {
        return nil
      }
    }
    return hasRate ? LoadShape(segments: segments, isRepeated: isRepeated, isRandom: object["random"] as? Bool ?? false) : nil
  }
}

/// Reads the lines of which there are many.
private struct TruthLineReader {
  let paths = ["truth", "fault", "number", "field", "sent_time", "delay_ms", "skew_ms"].map { FieldPath([$0]) }
  let json: JSONColumnReader

  init() { json = JSONColumnReader(paths: paths) }

  /// `stream`, `fault`, `bucket` or `end`; empty for anything else.
  func kind(_ columns: Columns, _ row: Int) -> String { text(columns, 0, row) ?? "" }

  /// Adds what a line says of a record; false where it says nothing sound.
  func add(_ columns: Columns, _ row: Int, to labels: inout [Int64: RecordLabels]) -> Bool {
    guard let name = text(columns, 1, row), let number = integer(columns, 2, row), number >= 0 else { return false }
    var label = labels[number] ?? RecordLabels()
    if name == "unsent" {
      label.isUnsent = true
    } else {
      guard let fault = RecordMarks.faults.first(where: { $0.name == name }) else { return false }
      if fault.mark == .duplicate {
        label.copyCount += 1
      } else {
        label.marks.insert(fault.mark)
        if let sent = integer(columns, 4, row) { label.sentMilliseconds = sent }
      }
    }
    if let field = text(columns, 3, row) { label.field = field }
    if name == "late" || name == "reorder" { label.delayMilliseconds = integer(columns, 5, row) ?? 0 }
    if let skew = integer(columns, 6, row) { label.skewMilliseconds = skew }
    labels[number] = label
    return true
  }

  private func text(_ columns: Columns, _ column: Int, _ row: Int) -> String? {
    let value = columns.column(column)[row]
    return value.kind == .string ? String(decoding: value.bytes, as: UTF8.self) : nil
  }

  private func integer(_ columns: Columns, _ column: Int, _ row: Int) -> Int64? {
    let value = columns.column(column)[row]
    // Within thousands of years, and more records than there can be, so that sums of them are no overflow.
    return value.kind == .integer && value.integer.magnitude < 1 << 46 ? value.integer : nil
  }
}
