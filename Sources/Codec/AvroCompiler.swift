// From a schema and paths to a program. What leads to wanted fields becomes operations in line; the program is as long as the ways to the fields
// are, however often types refer to each other.

import Records

struct AvroCompiler {
  private(set) var operations: [AvroOperation] = []
  private(set) var jumps: [Int32] = []
  private(set) var keys: [(name: String, address: Int32, firstColumn: Int32, columnCount: Int32)] = []
  var nodes: [AvroTypeNode] = []
  var children: [Int32] = []
  var texts: [String] = []
  private(set) var names: [String] = [""]

  /// The ways to the wanted fields, over the branches of unions in unions, are more than anyone means.
  private(set) var isTooLarge = false

  let schema: AvroSchema
  /// The operation that something jumps to, and which therefore cannot join the one before it; the last such one is enough.
  private var lastTarget = 0
  private static let operationCountMax = 100_000
  /// Records that are passed over are written out in line up to this many operations.
  private static let inlineOperationCountMax = 1000
  private static let inlineDepthMax = 6

  /// What is wanted of a value: itself, fields of it, or both.
  private final class Want {
    var column: Int32 = -1
    var fields: [(name: String, want: Want)] = []

    func field(_ name: String) -> Want? { fields.first { $0.name == name }?.want }

    /// The columns of all that is wanted.
    var columns: [Int32] { (column >= 0 ? [column] : []) + fields.flatMap(\.want.columns) }
  }

  init(_ schema: AvroSchema) {
    self.schema = schema
    makeNodes()
  }

  mutating func compile(_ paths: [FieldPath]) {
    let root = Want()
    for (column, path) in paths.enumerated() where !path.isMetadata {
      var want = root
      for component in path.components {
        if let known = want.field(component) {
          want = known
        } else {
          let new = Want()
          want.fields.append((component, new))
          want = new
        }
      }
      want.column = Int32(column)
    }
    record(root)
    emit(AvroOperation(action: .end))
  }

  /// The record itself: one type or the branches of a union, among them null for a record that was deleted.
  private mutating func record(_ want: Want) {
    guard case .union(let branches) = schema.types[schema.root].kind else {
      value(schema.root, want, "")
      return
    }
    let table = openUnion(branches.count, "")
    var ends: [Int] = []
    for (index, branch) in branches.enumerated() {
      jumps[table + 1 + index] = target()
      switch schema.types[branch].kind {
      case .null: emit(AvroOperation(action: .noRecord, argument: Int32(RecordStatus.empty.rawValue)))
      case .record, .map: value(branch, want, "")
      default:
        skip(branch, "", depth: 0)
        emit(AvroOperation(action: .noRecord, argument: Int32(RecordStatus.notAnObject.rawValue)))
      }
      ends.append(operations.count)
      emit(AvroOperation(action: .jump))
    }
    for end in ends { operations[end].argument = target() }
  }

  // MARK: - Operations

  private mutating func emit(_ operation: AvroOperation) { operations.append(operation) }

  /// The address of the operation that comes next, for something that jumps to it.
  private mutating func target() -> Int32 {
    lastTarget = operations.count
    return Int32(lastTarget)
  }

  private mutating func name(_ place: String) -> Int32 {
    names.append(place)
    return Int32(names.count - 1)
  }

  private mutating func openUnion(_ branchCount: Int, _ place: String) -> Int {
    let table = jumps.count
    jumps.append(Int32(branchCount))
    jumps += [Int32](repeating: 0, count: branchCount)
    emit(AvroOperation(action: .union, argument: Int32(table), name: name(place)))
    return table
  }

  /// A value of which something may be wanted. `place` is its path.
  private mutating func value(_ type: Int, _ want: Want?, _ place: String) {
    guard operations.count <= Self.operationCountMax else {
      isTooLarge = true
      return
    }
    guard let want else { return skip(type, place, depth: 0) }
    guard hasFields(type, want) else {
      if want.column >= 0 { take(type, want.column, place) } else { skip(type, place, depth: 0) }
      return
    }
    if want.column >= 0 {
      emit(AvroOperation(action: .takeTypeAndStay, column: want.column, argument: Int32(type), name: name(place)))
    }
    fields(type, want, place)
  }

  /// Whether fields are wanted that the type can have.
  private func hasFields(_ type: Int, _ want: Want) -> Bool {
    guard !want.fields.isEmpty else { return false }
    return schema.alternatives(type).contains {
      switch schema.types[$0].kind {
      case .record, .map: true
      default: false
      }
    }
  }

  /// The fields wanted of a type, the type itself apart.
  private mutating func fields(_ type: Int, _ want: Want, _ place: String) {
    switch schema.types[type].kind {
    case .record(let fields):
      // Two paths can lead to one field, by its name and by an alias: the name goes first.
      for (index, field) in fields.enumerated() {
        let wanted = want.fields.first { AvroSchema.field(named: $0.name, in: fields) == index }?.want
        value(field.type, wanted, place.isEmpty ? field.name : "\(place).\(field.name)")
      }
    case .map(let values): map(values, want, place)
    case .union(let branches):
      let table = openUnion(branches.count, place)
      var ends: [Int] = []
      for (index, branch) in branches.enumerated() {
        jumps[table + 1 + index] = target()
        fields(branch, want, place)
        ends.append(operations.count)
        emit(AvroOperation(action: .jump))
      }
      for end in ends { operations[end].argument = target() }
    default: skip(type, place, depth: 0)
    }
  }

  private mutating func map(_ values: Int, _ want: Want, _ place: String) {
    let table = jumps.count
    jumps += [Int32(want.fields.count), Int32(keys.count), Int32(values)]
    let first = keys.count
    for (name, want) in want.fields {
      let columns = want.columns
      keys.append((name, 0, Int32(jumps.count), Int32(columns.count)))
      jumps += columns
    }
    emit(AvroOperation(action: .map, argument: Int32(table), name: name(place)))
    let skipped = operations.count
    emit(AvroOperation(action: .jump))
    for (index, (field, want)) in want.fields.enumerated() {
      keys[first + index].address = target()
      value(values, want, place.isEmpty ? field : "\(place).\(field)")
      emit(AvroOperation(action: .end))
    }
    operations[skipped].argument = target()
  }

  private mutating func take(_ type: Int, _ column: Int32, _ place: String) {
    var operation = AvroOperation(action: .takeType, column: column, argument: Int32(type), name: name(place))
    let (plain, nullByte) = nullable(type)
    if let action = Self.taking(schema.types[plain]) {
      operation.action = action
      operation.nullByte = nullByte
    }
    emit(operation)
  }

  private static func taking(_ type: AvroSchema.TypeEntry) -> AvroAction? {
    switch (type.kind, type.meaning) {
    case (.boolean, _): .takeBool
    case (.int, .none): .takeInt
    case (.long, .none), (.long, .timestampMilliseconds): .takeLong
    case (.float, _): .takeFloat
    case (.double, _): .takeDouble
    case (.string, _): .takeString
    default: nil
    }
  }

  /// The type that a union of it and null is made of, and the byte of null's branch; other types are themselves, and never null.
  private func nullable(_ type: Int) -> (type: Int, nullByte: UInt8) {
    guard case .union(let branches) = schema.types[type].kind, branches.count == 2 else { return (type, AvroOperation.neverNull) }
    if case .null = schema.types[branches[0]].kind { return (branches[1], 0) }
    if case .null = schema.types[branches[1]].kind { return (branches[0], 2) }
    return (type, AvroOperation.neverNull)
  }

  /// A value that nobody wants.
  private mutating func skip(_ type: Int, _ place: String, depth: Int) {
    guard !nodes[type].isEmpty else { return }
    let (plain, nullByte) = nullable(type)
    let isInline = depth < Self.inlineDepthMax && operations.count < Self.inlineOperationCountMax
    switch schema.types[plain].kind {
    case .int, .long, .enumeration: skip(.skipLongs, 1, nullByte, place)
    case .bytes, .string: skip(.skipBytes, 1, nullByte, place)
    case .boolean: skip(.skipFixed, 1, nullByte, place)
    case .float: skip(.skipFixed, 4, nullByte, place)
    case .double: skip(.skipFixed, 8, nullByte, place)
    case .fixed(let byteCount): skip(.skipFixed, Int32(byteCount), nullByte, place)
    case .record(let fields) where isInline && plain == type:
      for field in fields { skip(field.type, place.isEmpty ? field.name : "\(place).\(field.name)", depth: depth + 1) }
    default: emit(AvroOperation(action: .skipType, argument: Int32(type), name: name(place)))
    }
  }

  /// One more of the same extends the operation before, unless something jumps between the two. The names of a run stand one behind the other.
  private mutating func skip(_ action: AvroAction, _ argument: Int32, _ nullByte: UInt8, _ place: String) {
    let never = AvroOperation.neverNull
    if nullByte == never, lastTarget < operations.count, let last = operations.last, last.action == action, last.nullByte == never,
      action == .skipFixed
        ? last.argument + argument < AvroSchemaParser.fixedByteCountMax : names.count == last.name + last.argument
    {
      operations[operations.count - 1].argument += argument
      if action != .skipFixed { names.append(place) }
      return
    }
    emit(AvroOperation(action: action, nullByte: nullByte, argument: argument, name: name(place)))
  }
}
