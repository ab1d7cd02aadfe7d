// A schema made ready to run: programs of flat ops per record, alias tables per state, everything by pointer into one memory. A plan is
// immutable and may be shared; a `Generator` runs it.

import Base
import Records
import Schema

/// What a generator runs.
public final class GenerationPlan: @unchecked Sendable {
  /// Owns what the pointers below point at; not written after `init`.
  private let memory: PlanMemory
  /// First one for each event, by its index; then those of changed events, and those of records with a faulty field.
  let programs: UnsafePointer<ProgramPlan>
  let programCount: Int
  let layout: RowLayout
  let sessions: SessionPlan?
  let streams: [StreamPlan]
  let incidents: [Incident]
  /// Programs that replace an event's while an incident lasts, by index into `incidents`.
  let changedPrograms: [(incident: Int, event: UInt16, program: UInt16)]
  /// Programs of records with one field missing or of the wrong type, by the program of the sound record.
  let missingPrograms: [[UInt16]]
  let wrongTypePrograms: [[UInt16]]
  /// The dotted path of the faulty field, by such a program.
  let faultyFields: [UInt16: String]
  /// An upper bound on the bytes of one record, with the room that wide stores may use behind it.
  let maximumRecordByteCount: Int

  let formats: RecordFormats
  /// Whether all records are lines: those of Avro are not.
  let hasLines: Bool

  public let seed: UInt64
  public let schema: EventSchema
  /// Of a session; 0 without sessions.
  public var expectedEventsPerSession: Double { sessions?.expectedEvents ?? 0 }
  /// Bytes of tables and texts.
  public var memoryByteCount: Int { memory.byteCount }

  /// Records may not be longer: arrays in arrays multiply.
  static let recordByteLimit = 64 << 20

  /// Throws where a record could be too long to write, and where a format cannot say what the schema asks for.
  ///
  /// - Parameters:
  ///   - seed: nil for the schema's own.
  ///   - encoding: what surrounds records in Avro and CloudEvents where they go.
  public init(_ schema: EventSchema, seed: UInt64? = nil, encoding: RecordEncoding = RecordEncoding()) throws(Failure) {
    let seed = seed ?? schema.seed
    let formats = try RecordFormats(schema, encoding)
    self.formats = formats
    hasLines = !schema.events.contains { schema.outputs[$0.output].format == .avro }
    self.seed = seed
    self.schema = schema
    let memory = PlanMemory()
    layout = RowLayout(schema)
    var set = try ProgramSet(schema, seed: seed, formats: formats, layout: layout, memory: memory)
    incidents = schema.incidents
    var changed: [(incident: Int, event: UInt16, program: UInt16)] = []
    for (index, incident) in schema.incidents.enumerated() {
      guard case .schemaChange(let changes) = incident.kind else { continue }
      for change in changes {
        var event = schema.events[change.event]
        event.fields = change.fields
        changed.append((index, UInt16(change.event), try set.add(event, index: change.event)))
      }
    }
    changedPrograms = changed
    let soundCount = set.programs.count
    missingPrograms = try set.addFaulty(schema.faults.missing, .missing, soundCount)
    wrongTypePrograms = try set.addFaulty(schema.faults.wrongType, .wrongType, soundCount)
    faultyFields = set.faultyFields
    programs = memory.array(set.programs)
    programCount = set.programs.count
    maximumRecordByteCount = set.programs.map(\.maximumByteCount).max() ?? 128
    sessions = schema.sessions.map { SessionPlan($0, schema, seed: seed, memory) }
    let layout = self.layout
    streams = schema.streams.indices.map { StreamPlan($0, schema, seed: seed, layout: layout, memory) }
    self.memory = memory
  }

  /// What a place that takes an output's records as CSV begins with: the names of its columns, with the line feed. Nil for other formats.
  public func header(ofOutput output: Int) -> [UInt8]? {
    schema.outputs[output].format == .csv ? formats.columns[output].header : nil
  }

  /// The names of an output's columns in CSV.
  public static func columnNames(_ schema: EventSchema, output: Int) throws(Failure) -> [String] {
    try CSVColumns(schema, output: output).paths.map { $0.joined(separator: ".") }
  }

  /// The schema of the Avro container file that takes an event's records, as the framing says; nil for other formats.
  public func containerSchema(ofEvent event: Int) -> String? { formats.containerSchema(ofEvent: event) }
}

/// How one kind of record is written.
struct ProgramPlan: BitwiseCopyable {
  var ops: UnsafePointer<FieldOp>
  /// Index into the schema's events.
  var event: UInt16
  var hasKey: Bool
  var maximumByteCount: Int
  /// Bytes of the record that are not its value.
  var lineFeedCount: UInt8 = 1
  var absence = Absence.null
  /// Of CSV.
  var columnCount: Int32 = 0
  var keyColumn: Int32 = -1

  /// What stands for a record that deletes.
  enum Absence: UInt8, BitwiseCopyable {
    /// The line `null`.
    case null
    /// An envelope with the data `null`.
    case nullData
    /// A line with nothing but the key.
    case keyCell
    case nothing
    /// Avro's union branch 0.
    case nullBranch
  }
}

/// Compiles the programs of a plan.
private struct ProgramSet {
  private let schema: EventSchema
  private let formats: RecordFormats
  private var compiler: EventCompiler
  /// The definitions that the programs were compiled from.
  private var definitions: [EventDefinition] = []
  private(set) var programs: [ProgramPlan] = []
  private(set) var faultyFields: [UInt16: String] = [:]

  init(
    _ schema: EventSchema, seed: UInt64, formats: RecordFormats, layout: RowLayout, memory: PlanMemory
  ) throws(Failure) {
    self.schema = schema
    self.formats = formats
    compiler = EventCompiler(schema, seed: seed, formats: formats, layout: layout, memory: memory)
    for (index, event) in schema.events.enumerated() { _ = try add(event, index: index) }
  }

  /// Compiles `event`, which stands for the schema's event at `index`.
  mutating func add(
    _ event: EventDefinition, index: Int, variant: EventCompiler.Variant? = nil
  ) throws(Failure) -> UInt16 {
    let stream = schema.streams.first { $0.event == index }
    let program = compiler.compile(event, index: index, stream: stream, variant: variant)
    guard program.maximumByteCount <= GenerationPlan.recordByteLimit else {
      throw Failure(
        .badConfiguration,
        "a record of '\(event.name)' could be \(program.maximumByteCount >> 20) MiB long; expected at most \(GenerationPlan.recordByteLimit >> 20) MiB: lists in lists multiply their lengths"
      )
    }
    guard programs.count < Int(UInt16.max) else {
      throw Failure(.badConfiguration, "too many kinds of records: at most \(UInt16.max) events with their faulty fields")
    }
    var plan = ProgramPlan(
      ops: program.ops, event: UInt16(index), hasKey: program.hasKey, maximumByteCount: program.maximumByteCount)
    let output = schema.outputs[event.output]
    switch output.format {
    case .json: break
    case .cloudevents: plan.absence = formats.encoding.hasEnvelope ? .nullData : .null
    case .csv:
      plan.absence = .keyCell
      plan.columnCount = Int32(formats.columns[event.output].count)
      plan.keyColumn = Int32(output.keyPath.flatMap { formats.columns[event.output].index(of: $0) } ?? -1)
    case .avro:
      plan.lineFeedCount = 0
      plan.absence = formats.hasNullBranch(ofEvent: index) ? .nullBranch : .nothing
    }
    programs.append(plan)
    definitions.append(event)
    return UInt16(programs.count - 1)
  }

  /// For each of the first `soundCount` programs those in which one field is faulty.
  mutating func addFaulty(
    _ fault: FaultModel.FieldFault?, _ kind: EventCompiler.Variant.Kind, _ soundCount: Int
  ) throws(Failure) -> [[UInt16]] {
    guard let fault else { return [] }
    var result: [[UInt16]] = []
    for index in 0..<soundCount {
      let (event, definition) = (Int(programs[index].event), definitions[index])
      let key = schema.outputs[definition.output].keyPath
      let all = definition.fieldPaths.map { $0.split(separator: ".").map(String.init) }
      // Without a choice any field but the key, and the objects that hold it.
      let paths =
        fault.paths.isEmpty
        ? all.filter { path in !(key?.starts(with: path) ?? false) } : fault.paths.filter { definition.field(at: $0) != nil }
      var programs: [UInt16] = []
      for path in paths {
        let program = try add(definition, index: event, variant: EventCompiler.Variant(path: path, kind: kind))
        faultyFields[program] = path.joined(separator: ".")
        programs.append(program)
      }
      result.append(programs)
    }
    return result
  }
}
