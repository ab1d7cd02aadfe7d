// One value after the other, as JSON: texts in quotes, everything else as it is. In a text (`isBare`) every value is its text without quotes,
// and null is nothing.

import Base
import Schema

extension EventCompiler {
  mutating func value(_ generator: FieldGenerator, _ owner: Owner, isBare: Bool = false) {
    switch generator {
    case .const(let scalar): literal += Array(json(scalar, isBare).utf8)
    case .choice(let values, let weights): choice(values.map { json($0, isBare) }, weights, owner)
    case .bool(let probability): bool(probability, owner)
    case .uuid(let version):
      quoted(isBare) { $0.emit(version == .v4 ? .uuidV4 : .uuidV7, width: 36, owner: owner) }
    case .integer(let range):
      let width = UInt64(bitPattern: range.upperBound &- range.lowerBound) &+ 1
      emit(.integer, width: 20, owner: owner, parameter: UInt64(bitPattern: range.lowerBound), second: width)
    case .number(let settings): number(settings, owner)
    case .sequence(let settings): sequence(settings, owner, isBare)
    case .time(let source, let format): time(source, format, owner, isBare)
    case .object(let fields): object(fields, path: ["", ""])
    case .array(let item, let count): array(item, count, owner)
    case .list(let items):
      text("[")
      for (index, item) in items.enumerated() {
        if index > 0 { text(",") }
        value(item, owner)
      }
      text("]")
    case .map(let keys, let values, let count): map(keys, values, count, owner)
    case .oneOf(let generators):
      branch(generators.map(\.weight), owner: owner) { $0.value(generators[$1].generator, owner, isBare: isBare) }
    case .text(let pieces): quoted(isBare) { $0.pieces(pieces, owner) }
    case .from(let field): from(field, isBare)
    case .reference(let entity, let field, let pick):
      let picker = memory.picker(pick, of: schema.entities[entity], seed: seed)
      emit(
        .follow, width: 0, owner: owner,
        parameter: UInt64(UInt(bitPattern: memory.array([picker]))))
      rowField(entity: entity, field: field, row: layout.scratch, isBare)
    }
  }

  private mutating func quoted(_ isBare: Bool, _ body: (inout EventCompiler) -> Void) {
    if !isBare { text("\"") }
    body(&self)
    if !isBare { text("\"") }
  }

  // MARK: - Bound values

  private mutating func from(_ field: BoundField, _ isBare: Bool) {
    switch field {
    case .sessionIdentifier: quoted(isBare) { $0.emit(.sessionIdentifier, width: 36) }
    case .session(let fact): self.fact(fact)
    case .change(.version): emit(.fact, width: 20, small: RecordFact.version.rawValue)
    case .change(.operation): quoted(isBare) { $0.emit(.fact, width: 8, small: RecordFact.operation.rawValue) }
    case .actor(let field):
      guard let sessions = schema.sessions else { return }
      rowField(entity: sessions.actor, field: field, row: layout.actor, isBare)
    case .device(let field):
      guard let device = schema.sessions?.device else { return }
      rowField(entity: device, field: field, row: layout.device, isBare)
    case .binding(let binding, let field):
      if let context = recordContext {
        guard case .entity(let entity, _) = context.stream.bindings[binding].target else { return }
        rowField(entity: entity, field: field, row: layout.streamBinding(context.base + binding), isBare)
      } else if let stream {
        guard case .entity(let entity, _) = stream.bindings[binding].target else { return }
        rowField(entity: entity, field: field, row: layout.streamBinding(binding), isBare)
      } else if let sessions = schema.sessions {
        rowField(entity: sessions.bindings[binding].entity, field: field, row: layout.binding(binding), isBare)
      }
    case .record(let binding, let field):
      guard let stream, case .stream(let other, _) = stream.bindings[binding].target else { return }
      let target = schema.streams[other]
      recordContext = (target, RowLayout.nestedBase(of: binding, stream, schema))
      recordField(schema.events[target.event].fields[field], of: target, row: layout.streamBinding(binding), isBare)
      recordContext = nil
    case .changed(let field):
      guard let stream, case .changes(let changes) = stream.content else { return }
      let isChanging = changes.changingFields.contains(field)
      rowField(entity: changes.entity, field: field, row: isChanging ? layout.changedVersion : layout.changedRow, isBare)
    }
  }

  private mutating func fact(_ fact: SessionFact) {
    switch fact {
    case .isBot: emit(.fact, width: 5, small: RecordFact.isBot.rawValue)
    case .isIdentified: emit(.fact, width: 5, small: RecordFact.isIdentified.rawValue)
    case .step: emit(.fact, width: 20, small: RecordFact.step.rawValue)
    case .startedAt: emit(.fact, width: 20, small: RecordFact.startedAt.rawValue)
    }
  }

  /// A field of a row: its random state comes from the names and the number alone, so it is the same wherever it is read, and does not
  /// change when other fields come or go.
  mutating func rowField(entity: Int, field: Int, row: Int, _ isBare: Bool) {
    let definition = schema.entities[entity]
    owned(definition.fields[field], by: "\(definition.name).\(definition.fields[field].name)", row, isBare)
  }

  /// A field of a stream's record, by the record's number: what other streams refer to has to be found again.
  mutating func recordField(_ field: FieldDefinition, of stream: StreamModel, row: Int, _ isBare: Bool) {
    owned(field, by: "\u{0}\(stream.name).\(field.name)", row, isBare)
  }

  private mutating func owned(_ field: FieldDefinition, by name: String, _ row: Int, _ isBare: Bool) {
    let seed = Hash.mix(self.seed ^ 0x656e_7469_7479, GenerationSeeds.hash(name))
    let none = field.optional + (1 - field.optional) * field.nullable
    let owner = Owner(row: Int16(row), seed: seed)
    var nulls: [Int] = []
    if none > 0 {
      let decides = Owner(row: Int16(row), seed: Hash.mix(seed, 0x6e75_6c6c))
      nulls.append(emit(.chance, width: 0, owner: decides, parameter: Self.threshold(none)))
    }
    if field.generator.isOneDraw {
      value(field.generator, owner, isBare: isBare)
    } else {
      emit(.enterRow, width: 0, owner: owner)
      value(field.generator, Owner(row: -1, seed: 0, entered: Int16(row)), isBare: isBare)
      emit(.leaveRow, width: 0)
    }
    guard !nulls.isEmpty else { return }
    let end = emit(.jump, width: 0)
    for place in nulls { land(place) }
    text(isBare ? "" : "null")
    land(end)
  }

  // MARK: - Scalars

  /// A scalar's JSON, or its text within one.
  private mutating func json(_ scalar: Scalar, _ isBare: Bool) -> String {
    switch scalar {
    case .null: return isBare ? "" : "null"
    case .bool(let value): return value ? "true" : "false"
    case .integer(let value): return String(value)
    case .double(let value): return value.isFinite ? value.description : "null"
    case .string(let value): return isBare ? escaped(value) : "\"" + escaped(value) + "\""
    }
  }

  /// A text as it stands between the quotes.
  mutating func escaped(_ text: String) -> String {
    let quoted = JSONText.quoted(text)
    if quoted.utf8.contains(UInt8(ascii: "\\")) { keyMayHaveEscapes = true }
    return String(quoted.dropFirst().dropLast())
  }

  /// One of these texts.
  mutating func choice(_ texts: [String], _ weights: [Double], _ owner: Owner) {
    guard texts.count > 1 else { return text(texts.first ?? "null") }
    let texts = texts.map { Array($0.utf8) }
    let entries = AliasTable.columns(weights)
    let longest = texts.map(\.count).max() ?? 0
    let isShort = longest <= 31
    let block = memory.allocate(byteCount: texts.count * 40)
    for (index, text) in texts.enumerated() {
      if isShort {
        text.withUnsafeBytes { bytes in
          if let start = bytes.baseAddress { (block + index * 32).copyMemory(from: start, byteCount: bytes.count) }
        }
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

  private mutating func bool(_ probability: Double, _ owner: Owner) {
    if probability <= 0 || probability >= 1 { return text(probability >= 1 ? "true" : "false") }
    choice(["true", "false"], [probability, 1 - probability], owner)
  }

  private mutating func number(_ settings: NumberSettings, _ owner: Owner) {
    let decimals = min(max(settings.decimals ?? 0, 0), 18)
    let parameters = NumberParameters(
      sampler: memory.sampler(settings.distribution), decimals: UInt8(decimals), low: settings.clamp?.lowerBound ?? -.infinity,
      high: settings.clamp?.upperBound ?? .infinity, scale: (0..<decimals).reduce(1) { scale, _ in scale * 10 })
    emit(
      settings.decimals == nil ? .double : .number, width: 40, owner: owner,
      parameter: UInt64(UInt(bitPattern: memory.array([parameters]))))
  }

  private mutating func sequence(_ settings: SequenceSettings, _ owner: Owner, _ isBare: Bool) {
    let digits = min(max(settings.text?.minimumDigits ?? 1, 1), 20)
    let parameters = SequenceParameters(
      row: owner.countedRow, start: settings.start, step: settings.step, period: UInt64(max(settings.period ?? 0, 0)),
      minimumDigits: digits)
    let address = UInt64(UInt(bitPattern: memory.array([parameters])))
    guard let frame = settings.text else {
      emit(.sequence, width: 20, parameter: address)
      return
    }
    quoted(isBare) {
      $0.text($0.escaped(frame.prefix))
      $0.emit(.sequence, width: 21, parameter: address)
      $0.text($0.escaped(frame.suffix))
    }
  }

  private mutating func time(_ source: TimeSource, _ format: TimeFormat, _ owner: Owner, _ isBare: Bool) {
    var small: UInt8 = source == .event ? 0 : 1
    if case .between(let range) = source {
      small = 2
      let width = UInt64(bitPattern: range.upperBound &- range.lowerBound) &+ 1
      emit(.drawTime, width: 0, owner: owner, parameter: UInt64(bitPattern: range.lowerBound), second: width)
    }
    switch format {
    case .rfc3339Milliseconds: quoted(isBare) { $0.emit(.timeText, width: 24, small: small) }
    case .rfc3339Seconds: quoted(isBare) { $0.emit(.timeTextSeconds, width: 24, small: small) }
    case .epochMilliseconds: emit(.timeMilliseconds, width: 20, small: small)
    case .epochSeconds: emit(.timeSeconds, width: 20, small: small)
    case .epochMicroseconds: emit(.timeMicroseconds, width: 20, small: small)
    case .pattern(let pieces):
      var parts: [TimePatternPart] = []
      for piece in pieces {
        if case .literal(let text) = piece {
          parts.append(TimePatternPart(literal: Array(escaped(text).utf8), memory))
        } else {
          parts.append(TimePatternPart(piece))
        }
      }
      let width = parts.reduce(0) { $0 + max(Int($1.count), 24) }
      let address = UInt64(UInt(bitPattern: memory.array(parts)))
      quoted(isBare) {
        $0.emit(.timePattern, width: width, small: small, parameter: address, second: UInt64(parts.count))
      }
    }
  }

  // MARK: - Collections

  private mutating func array(_ item: FieldGenerator, _ count: Distribution, _ owner: Owner) {
    text("[")
    loop(count) {
      $0.value(item, owner)
      $0.text(",")
    }
    emit(.trimComma, width: 0)
    text("]")
  }

  private mutating func map(_ keys: FieldGenerator, _ values: FieldGenerator, _ count: Distribution, _ owner: Owner) {
    text("{")
    loop(count) {
      $0.text("\"")
      $0.value(keys, owner, isBare: true)
      $0.text("\":")
      $0.value(values, owner)
      $0.text(",")
    }
    emit(.trimComma, width: 0)
    text("}")
  }
}

extension FieldGenerator {
  /// Whether one op draws the whole value, so that it can have its row's random stream to itself.
  var isOneDraw: Bool {
    switch self {
    case .const, .choice, .uuid, .integer, .number, .bool, .sequence: true
    case .from, .reference: true
    default: false
    }
  }
}
