// What the formats of a schema's outputs need to know before its records can be compiled, and what they cannot express.

import Base
import Schema

/// The formats of a plan.
struct RecordFormats {
  let encoding: RecordEncoding
  /// By output; none where the output is no CSV.
  let columns: [CSVColumns]
  /// By event; nil where the event's output is no Avro.
  let avroRecords: [AvroRecord?]
  /// Events whose records can be deletions.
  private let deletable: Set<Int>

  /// Throws where a format cannot say what the schema asks for.
  init(_ schema: EventSchema, _ encoding: RecordEncoding) throws(Failure) {
    self.encoding = encoding
    var columns: [CSVColumns] = []
    for (index, output) in schema.outputs.enumerated() {
      columns.append(output.format == .csv ? try CSVColumns(schema, output: index) : .none)
    }
    self.columns = columns
    deletable = Set(
      schema.streams.compactMap { stream in
        guard case .changes(let changes) = stream.content, changes.deleteShare > 0 else { return nil }
        return stream.event
      })
    avroRecords = AvroRecords(schema).records
    try Self.check(schema, encoding)
  }

  private static func check(_ schema: EventSchema, _ encoding: RecordEncoding) throws(Failure) {
    let avro = schema.events.indices.filter { schema.outputs[schema.events[$0].output].format == .avro }
    guard !avro.isEmpty else { return }
    if let fault = schema.faults.wrongType, fault.rate > 0 {
      throw Failure(
        .badConfiguration,
        "avro: a record cannot hold a value of the wrong type; use another format, or leave out the fault 'wrong_type'")
    }
    if encoding.avro == .container || encoding.avro == .containerPerEvent, schema.faults.corruptRate > 0 {
      throw Failure(
        .badConfiguration,
        "avro: in a container file a corrupt record makes the rest of its block unreadable; leave out the fault 'corrupt', or write to Kafka with a schema registry"
      )
    }
    for incident in schema.incidents {
      guard case .schemaChange(let changes) = incident.kind else { continue }
      if let change = changes.first(where: { avro.contains($0.event) }) {
        throw Failure(
          .badConfiguration,
          "avro: the incident 'schema_change' of '\(schema.events[change.event].name)' needs a format without a schema, such as json"
        )
      }
    }
    if case .registry(let identifiers) = encoding.avro,
      let event = avro.first(where: { identifiers[$0] == nil && encoding.isWritten($0) })
    {
      throw Failure(.badConfiguration, "avro: the schema of '\(schema.events[event].name)' has no identifier of a registry")
    }
  }

  // MARK: - Avro

  /// The branches of a container for all records: null where there are deletions, then each event.
  private var containerEvents: [Int] {
    avroRecords.indices.filter { avroRecords[$0] != nil && encoding.isWritten($0) }
  }
  private var containerHasNull: Bool { containerEvents.contains { deletable.contains($0) } }

  /// The schema of a container file: for one event where each has its own, else for all.
  func containerSchema(ofEvent event: Int) -> String? {
    guard let own = avroRecords[event] else { return nil }
    let isAlone = encoding.avro == .containerPerEvent
    var branches = (isAlone ? [own] : containerEvents.compactMap { avroRecords[$0] }).map(\.json)
    if isAlone ? deletable.contains(event) : containerHasNull { branches.insert("\"null\"", at: 0) }
    return branches.count == 1 ? branches[0] : "[" + branches.joined(separator: ",") + "]"
  }

  /// What stands in front of each record of an event.
  func avroPrefix(ofEvent event: Int) -> [UInt8] {
    switch encoding.avro {
    case .registry(let identifiers):
      let identifier = UInt32(bitPattern: identifiers[event] ?? 0)
      return [0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: identifier >> $0) }
    case .containerPerEvent: return deletable.contains(event) ? AvroBinary.bytes(Int64(1)) : []
    case .container:
      let events = containerEvents
      guard events.count > 1 || containerHasNull, let index = events.firstIndex(of: event) else { return [] }
      return AvroBinary.bytes(Int64(index + (containerHasNull ? 1 : 0)))
    }
  }

  /// What stands in the place of a deleted record: the branch null of a container, nothing behind a registry.
  func hasNullBranch(ofEvent event: Int) -> Bool {
    if case .registry = encoding.avro { return false }
    return deletable.contains(event)
  }
}
