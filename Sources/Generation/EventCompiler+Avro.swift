// Records in Avro's binary encoding. Lengths and branches of what is known beforehand are in the literals; a text that is made of parts is written
// behind one byte for its length, which is corrected where it is not enough.

import Base
import Schema

extension EventCompiler {
  mutating func avroRecord(_ event: EventDefinition, _ index: Int) {
    guard let record = formats.avroRecords[index] else { preconditionFailure("each event in Avro has its record") }
    literal += formats.avroPrefix(ofEvent: index)
    avroFields(event.fields, of: record, path: [])
  }

  /// - Parameter path: nil for an object that is not the event's own or its objects'.
  private mutating func avroFields(_ fields: [FieldDefinition], of record: AvroRecord, path outer: [String]?) {
    for (index, field) in fields.enumerated() {
      let form = ValueForm.avro(record.fields[index].type, place: AvroPlace.field(record.place, field.name))
      let path = outer.map { $0 + [field.name] }
      var nulls = field.optional > 0 ? [emit(.chance, width: 0, parameter: Self.threshold(field.optional))] : []
      let fault = path.flatMap { self.fault(at: $0) }
      if fault != nil { emit(.skipBegin, width: 0) }
      let isKey = path != nil && keyPath == path
      if isKey { emit(.keyStart, width: 0) }
      // Of what is taken back even null is.
      let innerNulls = presence(field)
      if fault == nil { nulls += innerNulls }
      if let path, case .object(let inner) = field.generator, case .avro(let type, let place) = form {
        avroObject(inner, type, place, path: path)
      } else {
        content(field, path: path, form)
      }
      if fault != nil {
        orElse(innerNulls) { $0.null(form) }
        emit(.skipEnd, width: 0)
        null(form)
      }
      if isKey, fault == nil {
        // A key cannot be left out, so null stands behind the key's beginning.
        orElse(nulls) { $0.null(form) }
        nulls = []
        endKey(record.fields[index].type)
      }
      if fault != nil, let path, let keyPath, keyPath.starts(with: path) { emit(.noKey, width: 0) }
      orElse(nulls) { $0.null(form) }
    }
  }

  private mutating func avroObject(_ fields: [FieldDefinition], _ type: AvroType, _ place: String, path: [String]?) {
    guard let record = type.record(at: place) else { preconditionFailure("each object has a record in the type made of it") }
    literal += type.branchIndex(of: .record(record))
    avroFields(fields, of: record, path: path)
  }

  private mutating func endKey(_ type: AvroType) {
    let kinds = type.branches.map { branch -> UInt8 in
      switch branch {
      case .string: KeyKind.text.rawValue
      case .long: KeyKind.integer.rawValue
      default: KeyKind.nothing.rawValue
      }
    }
    emit(
      .keyEndAvro, width: 0, small: kinds.count == 1 ? kinds[0] : .max,
      parameter: UInt64(UInt(bitPattern: memory.array(kinds))))
  }

  // MARK: - Values

  /// A value as one of the branches of the type.
  mutating func avro(_ generator: FieldGenerator, _ owner: Owner, _ type: AvroType, _ place: String) {
    let form = ValueForm.avro(type, place: place)
    switch generator {
    case .const(let scalar): literal += avroScalar(scalar, type)
    case .choice(let values, let weights): choice(values.map { avroScalar($0, type) }, weights, owner)
    case .bool(let probability):
      literal += type.branchIndex(of: .boolean)
      bool(probability, [[1], [0]], owner)
    case .uuid(let version): avroIdentifier(version == .v4 ? .uuidV4 : .uuidV7, owner, type)
    case .integer(let range):
      literal += type.branchIndex(of: .long(.number))
      integer(.binaryInteger, range, owner)
    case .number(let settings):
      literal += type.branchIndex(of: settings.decimals == 0 ? .long(.number) : .double)
      number(settings.decimals == nil ? .binaryDouble : .binaryNumber, settings, owner)
    case .sequence(let settings):
      guard settings.text == nil else { return avroText(generator, owner, type) }
      literal += type.branchIndex(of: .long(.number))
      emit(.binarySequence, width: AvroBinary.maximumByteCount, parameter: sequenceParameters(settings, owner))
    case .time(let source, let format): avroTime(generator, source, format, owner, type)
    case .text: avroText(generator, owner, type)
    case .object(let fields): avroObject(fields, type, place, path: nil)
    case .array(let item, let count):
      literal += type.branchIndex(of: .array(.nothing))
      loop(count, .binaryLoop) { $0.value(item, owner, .avro(type.items, place: AvroPlace.items(place))) }
      literal.append(0)
    case .list(let items):
      literal += type.branchIndex(of: .array(.nothing))
      if !items.isEmpty { literal += AvroBinary.bytes(Int64(items.count)) }
      for (index, item) in items.enumerated() { value(item, owner, .avro(type.items, place: AvroPlace.item(place, index))) }
      literal.append(0)
    case .map(let keys, let values, let count):
      literal += type.branchIndex(of: .map(.nothing))
      loop(count, .binaryLoop) {
        $0.framed { $0.value(keys, owner, .plainText) }
        $0.value(values, owner, .avro(type.values, place: AvroPlace.values(place)))
      }
      literal.append(0)
    case .oneOf, .from, .reference: value(generator, owner, form)
    }
  }

  private func avroScalar(_ scalar: Scalar, _ type: AvroType) -> [UInt8] {
    switch scalar {
    case .null: type.branchIndex(of: .null)
    case .bool(let value): type.branchIndex(of: .boolean) + [value ? 1 : 0]
    case .integer(let value): type.branchIndex(of: .long(.number)) + AvroBinary.bytes(value)
    case .double(let value): value.isFinite ? type.branchIndex(of: .double) + AvroBinary.bytes(value) : type.branchIndex(of: .null)
    case .string(let value): type.branchIndex(of: .string(isUUID: false)) + AvroBinary.bytes(value)
    }
  }

  mutating func avroIdentifier(_ kind: OpKind, _ owner: Owner, _ type: AvroType) {
    literal += type.branchIndex(of: .string(isUUID: false)) + AvroBinary.bytes(Int64(36))
    emit(kind, width: 36, owner: owner)
  }

  mutating func avroFact(_ fact: RecordFact, _ type: AvroType) {
    switch fact {
    case .isBot, .isIdentified: literal += type.branchIndex(of: .boolean)
    case .operation: literal += type.branchIndex(of: .string(isUUID: false))
    case .step, .startedAt, .version, .number: literal += type.branchIndex(of: .long(.number))
    }
    emit(.binaryFact, width: AvroBinary.maximumByteCount, small: fact.rawValue)
  }

  private mutating func avroTime(
    _ generator: FieldGenerator, _ source: TimeSource, _ format: TimeFormat, _ owner: Owner, _ type: AvroType
  ) {
    let unit: TimeUnit
    switch format {
    case .rfc3339Milliseconds, .epochMilliseconds: unit = .milliseconds
    case .rfc3339Seconds: unit = .wholeSeconds
    case .epochSeconds: unit = .seconds
    case .epochMicroseconds: unit = .microseconds
    case .pattern: return avroText(generator, owner, type)
    }
    let small = timeSource(source, owner)
    literal += type.branchIndex(of: .long(.number))
    emit(.binaryTime, width: AvroBinary.maximumByteCount, small: small, second: unit.rawValue)
  }

  private mutating func avroText(_ generator: FieldGenerator, _ owner: Owner, _ type: AvroType) {
    literal += type.branchIndex(of: .string(isUUID: false))
    framed { $0.value(generator, owner, .plainText) }
  }

  /// A text whose length is known when it is written.
  private mutating func framed(_ body: (inout EventCompiler) -> Void) {
    emit(.textBegin, width: AvroBinary.maximumByteCount)
    body(&self)
    emit(.textEnd, width: 0)
  }
}
