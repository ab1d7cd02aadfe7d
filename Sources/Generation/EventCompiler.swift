// From the fields of an event to flat ops. Names, punctuation and constants gather in a literal until a value has to be written at run time;
// then the literal is fused into that value's op. All escaping happens here, once.

import Base
import Schema

struct EventCompiler {
  private let schema: EventSchema
  private let seed: UInt64
  private let memory: PlanMemory
  private var samplers: [ZipfKey: UInt64] = [:]
  /// The largest bound over the events compiled so far.
  private(set) var maximumByteCount = 0

  private var literal: [UInt8] = []
  private var ops: [FieldOp] = []
  private var byteCount = 0
  private var keyMayHaveEscapes = false

  init(_ schema: EventSchema, seed: UInt64, memory: PlanMemory) {
    self.schema = schema
    self.seed = seed
    self.memory = memory
  }

  /// The ops of one event, ended by `.end`; valid as long as the memory.
  mutating func compile(_ event: EventDefinition) -> UnsafePointer<FieldOp> {
    literal = []
    ops = []
    byteCount = 0
    object(event.fields, path: [])
    text("\n")
    emit(.end, width: 0)
    maximumByteCount = max(maximumByteCount, byteCount + 128)
    return memory.array(ops)
  }

  mutating func picker(_ pick: RowPick, count: Int) -> RowPicker {
    switch pick.shape {
    case .weights: preconditionFailure("the reader refuses this")
    case .uniform: return RowPicker(count: UInt64(count), sampler: 0)
    case .zipf(let exponent):
      return RowPicker(count: UInt64(count), sampler: memory.zipf(count: count, exponent: exponent, counts: &samplers))
    }
  }

  // MARK: - Structure

  private mutating func text(_ text: String) { literal += Array(text.utf8) }

  /// Closes the literal with an op that writes up to `width` bytes.
  private mutating func emit(
    _ kind: OpKind, width: Int, owner: Owner = .event, small: UInt8 = 0, parameter: UInt64 = 0, second: UInt64 = 0
  ) {
    ops.append(
      FieldOp(
        literal: memory.text(literal), literalCount: UInt32(literal.count), kind: kind, small: small, row: owner.row,
        rowSeed: owner.seed, parameter: parameter, second: second))
    byteCount += literal.count + width
    literal = []
  }

  private mutating func object(_ fields: [FieldDefinition], path: [String]) {
    text("{")
    for (index, field) in fields.enumerated() {
      text((index > 0 ? "," : "") + JSONText.quoted(field.name) + ":")
      let isKey = schema.output.keyPath == path + [field.name]
      keyMayHaveEscapes = false
      if isKey { emit(.keyStart, width: 0) }
      if case .object(let inner) = field.generator {
        object(inner, path: path + [field.name])
      } else {
        value(field.generator, .event)
      }
      if isKey { emit(.keyEnd, width: 0, small: keyMayHaveEscapes ? 1 : 0) }
    }
    text("}")
  }

  // MARK: - Values

  /// Whose value is written: the event's, or that of a row of the session.
  private struct Owner {
    var row: Int16
    var seed: UInt64

    static let event = Owner(row: -1, seed: 0)
  }

  private mutating func value(_ generator: FieldGenerator, _ owner: Owner) {
    switch generator {
    case .const(let scalar): constant(scalar)
    case .choice(let values, let weights): choice(values, weights, owner)
    case .uuid(let version):
      text("\"")
      emit(version == .v4 ? .uuidV4 : .uuidV7, width: 36, owner: owner)
      text("\"")
    case .integer(let range):
      let width = UInt64(bitPattern: range.upperBound &- range.lowerBound) &+ 1
      emit(.integer, width: 20, owner: owner, parameter: UInt64(bitPattern: range.lowerBound), second: width)
    case .number(let settings): number(settings, owner)
    case .sequence(let settings):
      guard let frame = settings.text else { preconditionFailure("the reader refuses this") }
      let digits = frame.minimumDigits
      // `quoted` gives both quotes; one goes to each side of the number.
      text(String(escaped(frame.prefix).dropLast()))
      emit(.sequence, width: max(20, digits), owner: owner, small: UInt8(min(max(digits, 1), 20)))
      text(String(escaped(frame.suffix).dropFirst()))
    case .time(let source, let format): time(source, format)
    case .object(let fields): object(fields, path: [])
    case .from(let field): from(field)
    case .bool, .array, .list, .map, .oneOf, .text: preconditionFailure("the reader refuses this")
    case .reference(let entity, let field, let pick):
      let picker = picker(pick, count: schema.entities[entity].count)
      emit(.follow, width: 0, owner: owner, parameter: picker.sampler, second: picker.count)
      rowField(entity: entity, field: field, row: schema.sessions!.bindings.count + 1)
    }
  }

  private mutating func from(_ field: BoundField) {
    switch field {
    case .sessionIdentifier:
      text("\"")
      emit(.sessionIdentifier, width: 36)
      text("\"")
    case .actor(let field): rowField(entity: schema.sessions!.actor, field: field, row: 0)
    case .binding(let binding, let field):
      rowField(entity: schema.sessions!.bindings[binding].entity, field: field, row: binding + 1)
    case .device, .session, .record, .changed, .change: preconditionFailure("the reader refuses this")
    }
  }

  /// A field of a row: its random state comes from the names and the number alone, so it is the same wherever it is read, and does not
  /// change when other fields come or go.
  private mutating func rowField(entity: Int, field: Int, row: Int) {
    let definition = schema.entities[entity]
    let name = "\(definition.name).\(definition.fields[field].name)"
    let seed = Hash.mix(self.seed ^ 0x656e_7469_7479, GenerationSeeds.hash(name))
    value(definition.fields[field].generator, Owner(row: Int16(row), seed: seed))
  }

  private mutating func escaped(_ text: String) -> String {
    let quoted = JSONText.quoted(text)
    if quoted.utf8.contains(UInt8(ascii: "\\")) { keyMayHaveEscapes = true }
    return quoted
  }

  private mutating func json(_ scalar: Scalar) -> String {
    switch scalar {
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .integer(let value): return String(value)
    case .double(let value): return value.isFinite ? value.description : "null"
    case .string(let value): return escaped(value)
    }
  }

  private mutating func constant(_ scalar: Scalar) { text(json(scalar)) }

  private mutating func choice(_ values: [Scalar], _ weights: [Double], _ owner: Owner) {
    guard values.count > 1 else { return constant(values.first ?? .null) }
    let texts = values.map { Array(json($0).utf8) }
    let entries = AliasTable.columns(weights)
    let longest = texts.map(\.count).max() ?? 0
    let isShort = longest <= 31
    let block = memory.allocate(byteCount: texts.count * 40)
    for (index, text) in texts.enumerated() {
      if isShort {
        text.withUnsafeBytes { (block + index * 32).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        (block + index * 32 + 31).storeBytes(of: UInt8(text.count), as: UInt8.self)
      } else {
        (block + index * 16).storeBytes(of: ChoiceText(text: memory.text(text), count: text.count), as: ChoiceText.self)
      }
      (block + texts.count * (isShort ? 32 : 16) + index * 8).storeBytes(of: entries[index], as: AliasEntry.self)
    }
    emit(
      isShort ? .shortChoice : .longChoice, width: longest, owner: owner, parameter: UInt64(UInt(bitPattern: block)),
      second: UInt64(texts.count))
  }

  private mutating func number(_ settings: NumberSettings, _ owner: Owner) {
    let (shape, first, second) = settings.distribution.parameters(unit: 1)
    guard let fixed = settings.decimals else { preconditionFailure("the reader refuses this") }
    let decimals = min(max(fixed, 0), 18)
    let parameters = NumberParameters(
      shape: shape, decimals: UInt8(decimals), first: first, second: second, low: settings.clamp?.lowerBound ?? -.infinity,
      high: settings.clamp?.upperBound ?? .infinity, scale: (0..<decimals).reduce(1) { scale, _ in scale * 10 })
    emit(.number, width: 40, owner: owner, parameter: UInt64(UInt(bitPattern: memory.array([parameters]))))
  }

  private mutating func time(_ source: TimeSource, _ format: TimeFormat) {
    let small: UInt8 = source == .event ? 0 : 1
    switch format {
    case .rfc3339Seconds, .epochMicroseconds, .pattern: preconditionFailure("the reader refuses this")
    case .rfc3339Milliseconds:
      text("\"")
      emit(.timeText, width: 24, small: small)
      text("\"")
    case .epochMilliseconds: emit(.timeMilliseconds, width: 20, small: small)
    case .epochSeconds: emit(.timeSeconds, width: 20, small: small)
    }
  }
}

/// Streams of randomness that must not meet.
enum GenerationSeeds {
  static func arrivals(_ seed: UInt64) -> UInt64 { Hash.mix(seed, 1) }
  static func sessions(_ seed: UInt64) -> UInt64 { Hash.mix(seed, 2) }

  static func hash(_ text: String) -> UInt64 {
    var text = text
    return text.withUTF8 { Hash.bytes($0.baseAddress!, count: $0.count) }
  }
}
