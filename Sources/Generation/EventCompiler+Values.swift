// One value after the other: what refers to others is followed here, whatever the form; what is left is written as JSON or as the text of one
// (`jsonText`, `plainText`: without quotes, null as nothing), as a cell (`+CSV`) or in Avro's binary form (`+Avro`).

import Base
import Schema

extension EventCompiler {
  mutating func value(_ generator: FieldGenerator, _ owner: Owner, _ form: ValueForm) {
    switch generator {
    case .oneOf(let generators):
      branch(generators.map(\.weight), owner: owner) { $0.value(generators[$1].generator, owner, form.way($1)) }
    case .from(let field): from(field, form)
    case .reference(let entity, let field, let pick):
      let picker = memory.picker(pick, of: entity, schema, seed: seed)
      emit(
        .follow, width: 0, owner: owner,
        parameter: UInt64(UInt(bitPattern: memory.array([picker]))))
      rowField(entity: entity, field: field, row: layout.scratch, form)
    default:
      switch form {
      case .json, .jsonText, .plainText: written(generator, owner, form)
      case .cell: cell(generator, owner)
      case .avro(let type, let place): avro(generator, owner, type, place)
      }
    }
  }

  /// Nothing where there could be a value.
  mutating func null(_ form: ValueForm) {
    switch form {
    case .json: text("null")
    case .jsonText, .plainText: break
    case .cell: emptyCell()
    case .avro(let type, _): literal += type.branchIndex(of: .null)
    }
  }

  private mutating func written(_ generator: FieldGenerator, _ owner: Owner, _ form: ValueForm) {
    switch generator {
    case .const(let scalar): literal += Array(scalarText(scalar, form).utf8)
    case .choice(let values, let weights): choice(values.map { Array(scalarText($0, form).utf8) }, weights, owner)
    case .bool(let probability): bool(probability, ["true", "false"].map { Array($0.utf8) }, owner)
    case .uuid(let version):
      quoted(form) { compiler, _ in compiler.emit(version == .v4 ? .uuidV4 : .uuidV7, width: 36, owner: owner) }
    case .integer(let range): integer(.integer, range, owner)
    case .number(let settings): number(settings.decimals == nil ? .double : .number, settings, owner)
    case .sequence(let settings): sequence(settings, owner, form)
    case .time(let source, let format): time(source, format, owner, form)
    case .object(let fields): object(fields, path: ["", ""])
    case .array(let item, let count): array(item, count, owner)
    case .list(let items):
      text("[")
      for (index, item) in items.enumerated() {
        if index > 0 { text(",") }
        value(item, owner, .json)
      }
      text("]")
    case .map(let keys, let values, let count): map(keys, values, count, owner)
    case .text(let pieces): quoted(form) { $0.pieces(pieces, owner, $1) }
    case .oneOf, .from, .reference: value(generator, owner, form)
    }
  }

  /// Runs `body` for the text, in quotes where that is a JSON value.
  mutating func quoted(_ form: ValueForm, _ body: (inout EventCompiler, ValueForm) -> Void) {
    guard case .json = form else { return body(&self, form) }
    text("\"")
    body(&self, .jsonText)
    text("\"")
  }

  // MARK: - Scalars

  /// A scalar's JSON, or its text.
  private mutating func scalarText(_ scalar: Scalar, _ form: ValueForm) -> String {
    let isJSON = if case .json = form { true } else { false }
    switch scalar {
    case .null: return isJSON ? "null" : ""
    case .bool(let value): return value ? "true" : "false"
    case .integer(let value): return String(value)
    case .double(let value): return value.isFinite ? value.description : "null"
    case .string(let value): return isJSON ? "\"" + escaped(value, form) + "\"" : escaped(value, form)
    }
  }

  /// A text as it stands between the quotes of JSON, or as it is.
  mutating func escaped(_ text: String, _ form: ValueForm) -> String {
    if case .plainText = form { return text }
    let quoted = JSONText.quoted(text)
    if quoted.utf8.contains(UInt8(ascii: "\\")) { keyMayHaveEscapes = true }
    return String(quoted.dropFirst().dropLast())
  }

  /// One of these texts.
  mutating func choice(_ texts: [[UInt8]], _ weights: [Double], _ owner: Owner) {
    guard texts.count > 1 else {
      literal += texts.first ?? []
      return
    }
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

  /// One of two texts, the first one for true.
  mutating func bool(_ probability: Double, _ texts: [[UInt8]], _ owner: Owner) {
    if probability <= 0 || probability >= 1 {
      literal += texts[probability >= 1 ? 0 : 1]
    } else {
      choice(texts, [probability, 1 - probability], owner)
    }
  }

  mutating func integer(_ kind: OpKind, _ range: ClosedRange<Int64>, _ owner: Owner) {
    let width = UInt64(bitPattern: range.upperBound &- range.lowerBound) &+ 1
    emit(kind, width: 20, owner: owner, parameter: UInt64(bitPattern: range.lowerBound), second: width)
  }

  mutating func number(_ kind: OpKind, _ settings: NumberSettings, _ owner: Owner) {
    let decimals = min(max(settings.decimals ?? 0, 0), 18)
    let parameters = NumberParameters(
      sampler: memory.sampler(settings.distribution), decimals: UInt8(decimals), low: settings.clamp?.lowerBound ?? -.infinity,
      high: settings.clamp?.upperBound ?? .infinity, scale: (0..<decimals).reduce(1) { scale, _ in scale * 10 })
    emit(kind, width: 40, owner: owner, parameter: UInt64(UInt(bitPattern: memory.array([parameters]))))
  }

  /// The counter behind a sequence, for an op's parameter.
  mutating func sequenceParameters(_ settings: SequenceSettings, _ owner: Owner) -> UInt64 {
    let digits = min(max(settings.text?.minimumDigits ?? 1, 1), 20)
    let parameters = SequenceParameters(
      row: owner.countedRow, start: settings.start, step: settings.step, period: UInt64(max(settings.period ?? 0, 0)),
      minimumDigits: digits)
    return UInt64(UInt(bitPattern: memory.array([parameters])))
  }

  private mutating func sequence(_ settings: SequenceSettings, _ owner: Owner, _ form: ValueForm) {
    let address = sequenceParameters(settings, owner)
    guard let frame = settings.text else {
      emit(.sequence, width: 20, parameter: address)
      return
    }
    quoted(form) { compiler, form in
      compiler.text(compiler.escaped(frame.prefix, form))
      compiler.emit(.sequence, width: 21, parameter: address)
      compiler.text(compiler.escaped(frame.suffix, form))
    }
  }

  /// Draws the time that is written next where it is none of the record's own; gives what the ops that write it have as `small`.
  mutating func timeSource(_ source: TimeSource, _ owner: Owner) -> UInt8 {
    guard case .between(let range) = source else { return source == .event ? 0 : 1 }
    integer(.drawTime, range, owner)
    return 2
  }

  private mutating func time(_ source: TimeSource, _ format: TimeFormat, _ owner: Owner, _ form: ValueForm) {
    let small = timeSource(source, owner)
    switch format {
    case .rfc3339Milliseconds: quoted(form) { compiler, _ in compiler.emit(.timeText, width: 24, small: small) }
    case .rfc3339Seconds: quoted(form) { compiler, _ in compiler.emit(.timeTextSeconds, width: 24, small: small) }
    case .epochMilliseconds: emit(.timeMilliseconds, width: 20, small: small)
    case .epochSeconds: emit(.timeSeconds, width: 20, small: small)
    case .epochMicroseconds: emit(.timeMicroseconds, width: 20, small: small)
    case .pattern(let pieces):
      quoted(form) { compiler, form in
        var parts: [TimePatternPart] = []
        for piece in pieces {
          if case .literal(let text) = piece {
            parts.append(TimePatternPart(literal: Array(compiler.escaped(text, form).utf8), compiler.memory))
          } else {
            parts.append(TimePatternPart(piece))
          }
        }
        let width = parts.reduce(0) { $0 + max(Int($1.count), 24) }
        let address = UInt64(UInt(bitPattern: compiler.memory.array(parts)))
        compiler.emit(.timePattern, width: width, small: small, parameter: address, second: UInt64(parts.count))
      }
    }
  }

  // MARK: - Collections

  private mutating func array(_ item: FieldGenerator, _ count: Distribution, _ owner: Owner) {
    text("[")
    loop(count) {
      $0.value(item, owner, .json)
      $0.text(",")
    }
    emit(.trimComma, width: 0)
    text("]")
  }

  private mutating func map(_ keys: FieldGenerator, _ values: FieldGenerator, _ count: Distribution, _ owner: Owner) {
    text("{")
    loop(count) {
      $0.text("\"")
      $0.value(keys, owner, .jsonText)
      $0.text("\":")
      $0.value(values, owner, .json)
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
