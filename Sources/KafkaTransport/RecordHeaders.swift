// The headers of one record as librdkafka takes them. Names and constant values are C strings made once per route; what differs from record to
// record is written into a scratch of fixed size.

import Base
import CRdkafka
import Records

/// Text that stays where it is, for C; its owner frees it.
struct CText: BitwiseCopyable {
  let start: UnsafeMutablePointer<CChar>
  let count: Int

  init(_ text: String) {
    count = text.utf8.count
    start = .allocate(capacity: count + 1)
    for (index, byte) in text.utf8.enumerated() { start[index] = CChar(bitPattern: byte) }
    start[count] = 0
  }
}

/// Makes the headers of a route's records.
final class RecordHeaders {
  private let constants: [(name: CText, value: CText)]
  private let attributes: CloudEventAttributes?
  private let types: [CText]
  /// The value of `freshet-fault` by the marks; filled as marks turn up.
  private var faultTexts: [UInt16: CText] = [:]
  /// Beginning with the prefix of `ce_id`.
  private let scratch: UnsafeMutablePointer<UInt8>
  private let prefixCount: Int

  /// Whether every record of the route has headers.
  let areOnEveryRecord: Bool

  /// The marks that make a header.
  static let labels = RecordMarks(RecordMarks.faults.map(\.mark))

  init(_ route: KafkaRoute) {
    var constants = route.headers.map { (CText($0.name), CText($0.value)) }
    if let attributes = route.cloudEvents {
      constants = [(CText("ce_specversion"), CText("1.0")), (CText("ce_source"), CText(attributes.source))] + constants
    }
    self.constants = constants
    attributes = route.cloudEvents
    types = route.cloudEvents?.types.map { CText($0) } ?? []
    areOnEveryRecord = !constants.isEmpty
    let prefix = Array((route.cloudEvents.map { "\($0.identifierPrefix)-" } ?? "").utf8)
    prefixCount = prefix.count
    // Room for a number of 20 digits and a time of 24 bytes behind the prefix.
    scratch = .allocate(capacity: prefix.count + 64)
    scratch.initialize(repeating: 0, count: prefix.count + 64)
    scratch.update(from: prefix, count: prefix.count)
  }

  deinit {
    for (name, value) in constants {
      name.start.deallocate()
      value.start.deallocate()
    }
    for text in types + Array(faultTexts.values) { text.start.deallocate() }
    scratch.deallocate()
  }

  /// The headers of a record, nil where it has none; owned by the caller until librdkafka has taken the record.
  func make(_ slot: RecordSlot) throws -> OpaquePointer? {
    let labels = slot.marks.intersection(Self.labels)
    guard areOnEveryRecord || !labels.isEmpty else { return nil }
    guard let headers = rd_kafka_headers_new(constants.count + 6) else { preconditionFailure("no memory for headers") }
    do {
      for (name, value) in constants { try add(headers, name.start, UnsafeRawPointer(value.start), value.count) }
      if let attributes { try addAttributes(attributes, of: slot, to: headers) }
      if !labels.isEmpty {
        let text = faultText(labels)
        try add(headers, "freshet-fault", UnsafeRawPointer(text.start), text.count)
      }
    } catch {
      rd_kafka_headers_destroy(headers)
      throw error
    }
    return headers
  }

  private func addAttributes(_ attributes: CloudEventAttributes, of slot: RecordSlot, to headers: OpaquePointer) throws {
    let number = scratch + prefixCount
    try add(headers, "ce_id", UnsafeRawPointer(scratch), prefixCount + NumberText.write(slot.offset, to: number))
    precondition(Int(slot.event) < types.count, "each event has its CloudEvent type")
    let type = types[Int(slot.event)]
    try add(headers, "ce_type", UnsafeRawPointer(type.start), type.count)
    if slot.timestamp != .min {
      TimeText.writeRFC3339Milliseconds(slot.timestamp, to: number)
      try add(headers, "ce_time", UnsafeRawPointer(number), 24)
    }
    if !slot.marks.contains(.tombstone) {
      var contentType = attributes.contentType
      try contentType.withUTF8 { try add(headers, "content-type", UnsafeRawPointer($0.baseAddress), $0.count) }
    }
  }

  private func add(
    _ headers: OpaquePointer, _ name: UnsafePointer<CChar>, _ value: UnsafeRawPointer?, _ count: Int
  ) throws {
    let error = rd_kafka_header_add(headers, name, -1, value, count)
    guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw Failure(.failure, "Kafka header \(String(cString: name)): \(error.text)")
    }
  }

  /// `late`, or `late,duplicate`.
  private func faultText(_ labels: RecordMarks) -> CText {
    if let text = faultTexts[labels.rawValue] { return text }
    let text = CText(RecordMarks.faults.filter { labels.contains($0.mark) }.map(\.name).joined(separator: ","))
    faultTexts[labels.rawValue] = text
    return text
  }
}
