// From the fields of an event to flat ops. Names, punctuation and constants gather in a literal until a value has to be written at run time;
// then the literal is fused into that value's op. All escaping happens here, once.
// Structure is here; `+Values` has the scalars, `+Text` the texts made of parts.

import Base
import Records
import Schema

/// Compiles one event after the other; what it makes lives as long as the memory.
struct EventCompiler {
  let schema: EventSchema
  let seed: UInt64
  let memory: PlanMemory
  let layout: RowLayout
  let formats: RecordFormats
  /// The stream whose record is compiled, nil for an event of a session.
  var stream: StreamModel?

  var literal: [UInt8] = []
  var ops: [FieldOp] = []
  /// The bytes that the record can have at most, so far.
  var byteCount = 0
  var keyMayHaveEscapes = false
  /// The line that is compiled, where the format is CSV.
  var line = CSVLine(columns: .none)
  /// While a record of another stream is read: that stream, and where the rows are that the record has bound itself.
  var recordContext: (stream: StreamModel, base: Int)?
  var keyPath: [String]?
  var variant: Variant?
  /// Fields that records of other streams read.
  private var referencedFields: Set<String> = []

  /// A record of an event that is not as it should be.
  struct Variant {
    enum Kind {
      case missing
      case wrongType
    }

    var path: [String]
    var kind: Kind
  }

  /// The ops of one kind of record.
  struct Program {
    var ops: UnsafePointer<FieldOp>
    var hasKey: Bool
    /// An upper bound, with the room that wide stores may use behind the record.
    var maximumByteCount: Int
  }

  init(_ schema: EventSchema, seed: UInt64, formats: RecordFormats, layout: RowLayout, memory: PlanMemory) {
    self.schema = schema
    self.formats = formats
    self.seed = seed
    self.layout = layout
    self.memory = memory
  }

  /// - Parameter index: which of the schema's events it is.
  mutating func compile(_ event: EventDefinition, index: Int, stream: StreamModel?, variant: Variant? = nil) -> Program {
    literal = []
    ops = []
    byteCount = 0
    self.stream = stream
    self.variant = variant
    keyPath = schema.outputs[event.output].keyPath
    referencedFields = stream.map { schema.fieldsReferenced(in: $0) } ?? []
    switch schema.outputs[event.output].format {
    case .json: jsonRecord(event)
    case .cloudevents: if formats.encoding.hasEnvelope { cloudEvent(event) } else { jsonRecord(event) }
    case .csv: csvRecord(event, formats.columns[event.output])
    case .avro: avroRecord(event, index)
    }
    emit(.end, width: 0)
    return Program(ops: memory.array(ops), hasKey: keyPath != nil, maximumByteCount: byteCount + 128)
  }

  // MARK: - Ops

  mutating func text(_ text: String) { literal += Array(text.utf8) }

  /// Closes the literal with an op that writes up to `width` bytes; returns its place.
  @discardableResult
  mutating func emit(
    _ kind: OpKind, width: Int, owner: Owner = .record, small: UInt8 = 0, parameter: UInt64 = 0, second: UInt64 = 0
  ) -> Int {
    ops.append(
      FieldOp(
        literal: memory.text(literal), literalCount: UInt32(literal.count), kind: kind, small: small, row: owner.row,
        rowSeed: owner.seed, parameter: parameter, second: second))
    grow(literal.count + width)
    literal = []
    return ops.count - 1
  }

  /// Notes that the record may have so many bytes more.
  mutating func grow(_ count: Int) { byteCount = min(byteCount + count, 1 << 40) }

  /// The place of the next op, which others jump to.
  mutating func label() -> Int {
    if !literal.isEmpty { emit(.nothing, width: 0) }
    return ops.count
  }

  /// Lets the op at `place` jump to the next one.
  mutating func land(_ place: Int) { ops[place].second = UInt64(bitPattern: Int64(label() - place - 1)) }

  /// Runs `body` by each of the ways in turn, of which one is taken at run time.
  mutating func branch(_ weights: [Double], owner: Owner, _ body: (inout EventCompiler, Int) -> Void) {
    let entries = weights.count * MemoryLayout<AliasEntry>.stride
    let block = memory.allocate(byteCount: entries + weights.count * 4)
    for (index, entry) in AliasTable.columns(weights).enumerated() {
      block.storeBytes(of: entry, toByteOffset: index * MemoryLayout<AliasEntry>.stride, as: AliasEntry.self)
    }
    let place = emit(
      .branch, width: 0, owner: owner, parameter: UInt64(UInt(bitPattern: block)), second: UInt64(weights.count))
    var exits: [Int] = []
    for index in weights.indices {
      block.storeBytes(of: Int32(label() - place - 1), toByteOffset: entries + index * 4, as: Int32.self)
      body(&self, index)
      if index + 1 < weights.count { exits.append(emit(.jump, width: 0)) }
    }
    for exit in exits { land(exit) }
  }

  /// Runs `body` as often as a draw says, with what it writes counted so often.
  mutating func loop(_ count: Distribution, _ kind: OpKind = .loop, _ body: (inout EventCompiler) -> Void) {
    let most = count.practicalMaximum
    let sampler = memory.array([memory.sampler(count)])
    let place = emit(
      kind, width: AvroBinary.maximumByteCount, owner: Owner(row: -1, seed: UInt64(most)),
      parameter: UInt64(UInt(bitPattern: sampler)))
    let before = byteCount
    body(&self)
    let end = emit(.loopEnd, width: 0)
    byteCount = min(before + (byteCount - before) * max(most, 1), 1 << 40)
    ops[end].second = UInt64(bitPattern: Int64(place - end))
    land(place)
  }

  // MARK: - Fields

  /// Ops that jump where the field is null; `orElse` lands them.
  mutating func presence(_ field: FieldDefinition) -> [Int] {
    var nulls: [Int] = []
    if let condition = field.condition { nulls.append(emit(.unless, width: 0, small: SessionFlags.code(condition))) }
    if field.nullable > 0 { nulls.append(emit(.chance, width: 0, parameter: Self.threshold(field.nullable))) }
    return nulls
  }

  /// What happens where these ops have jumped, and has not happened otherwise.
  mutating func orElse(_ places: [Int], _ body: (inout EventCompiler) -> Void) {
    guard !places.isEmpty else { return }
    let end = emit(.jump, width: 0)
    for place in places { land(place) }
    body(&self)
    land(end)
  }

  /// The value of a field that is there and no object.
  ///
  /// - Parameter path: of the field; nil for one that is not the event's own or its objects'.
  mutating func content(_ field: FieldDefinition, path: [String]?, _ form: ValueForm) {
    if let stream, path?.count == 1, referencedFields.contains(field.name) {
      recordField(field, of: stream, row: layout.record, form)
    } else {
      value(field.generator, .record, form)
    }
  }

  /// What is wrong with a field in the program that is compiled.
  func fault(at path: [String]) -> Variant.Kind? { variant.flatMap { $0.path == path ? $0.kind : nil } }

  /// A probability as a part of 2^64.
  static func threshold(_ probability: Double) -> UInt64 { UInt64(min(probability * 0x1p64, 0x1.fffffffffffffp63)) }
}

extension EventSchema {
  /// The names of the fields of a stream that records of other streams read.
  func fieldsReferenced(in stream: StreamModel) -> Set<String> {
    var names: Set<String> = []
    for other in streams {
      for field in events[other.event].fields {
        guard case .from(.record(let binding, let index)) = field.generator,
          case .stream(let target, _) = other.bindings[binding].target, streams[target].name == stream.name
        else { continue }
        names.insert(events[stream.event].fields[index].name)
      }
    }
    return names
  }
}

/// Whose value is written: the record's, or that of a row of the ticket.
struct Owner {
  var row: Int16
  var seed: UInt64
  /// The row that sequences count, where the random stream has been entered already.
  var entered: Int16 = -1

  static let record = Owner(row: -1, seed: 0)

  /// The row that sequences count, -1 for the record.
  var countedRow: Int { Int(row >= 0 ? row : entered) }
}

/// Streams of randomness that must not meet.
enum GenerationSeeds {
  static func arrivals(_ seed: UInt64) -> UInt64 { Hash.mix(seed, 1) }
  static func sessions(_ seed: UInt64) -> UInt64 { Hash.mix(seed, 2) }
  static func stream(_ seed: UInt64, _ name: String) -> UInt64 { Hash.mix(Hash.mix(seed, 3), hash(name)) }
  static func swarm(_ seed: UInt64, _ index: Int) -> UInt64 { Hash.mix(Hash.mix(seed, 4), UInt64(index)) }

  static func faults(_ seed: UInt64, _ index: UInt64) -> UInt64 { Hash.mix(Hash.mix(seed, 5), index) }

  static func hash(_ text: String) -> UInt64 {
    var text = text
    return text.withUTF8 { Hash.bytes($0.baseAddress!, count: $0.count) }
  }
}
