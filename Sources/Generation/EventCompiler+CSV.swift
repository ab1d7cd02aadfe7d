// Records as lines of CSV. The separators of a record whose fields come in the order of the columns are literals. Where an event has its fields in
// another order, they are drawn in theirs, so that a record says the same in every format, and put in order afterwards.

import Base
import Schema

extension EventCompiler {
  /// What is known while a line is compiled.
  struct CSVLine {
    var columns: CSVColumns
    /// Separators written so far.
    var column = 0
    /// Whether the fields come in another order than the columns.
    var isShuffled = false
    /// Then the line is written in segments, each of cells that follow each other in both orders: which segment begins or ends at a column.
    var starts: [Int: Int] = [:]
    var ends: [Int: Int] = [:]
  }

  mutating func csvRecord(_ event: EventDefinition, _ columns: CSVColumns) {
    line = CSVLine(columns: columns)
    let order = event.fields.flatMap { columns.columns(of: $0, at: [$0.name]) }
    line.isShuffled = zip(order, order.dropFirst()).contains { $0 >= $1 }
    if line.isShuffled {
      shuffledCells(event, order)
    } else {
      cells(event.fields, [])
      if columns.count > 1 { separate(columns.count - 1) }
    }
    // A tombstone may need more than the record.
    grow(columns.count)
    text("\n")
  }

  /// - Parameter order: the columns of the fields, as these are written.
  private mutating func shuffledCells(_ event: EventDefinition, _ order: [Int]) {
    let isWhole = !mayLackCells(event.fields, [])
    let sorted = order.sorted()
    let ranks = Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1, $0) })
    var segments: [(first: Int, last: Int)] = []
    for column in order {
      if isWhole, let last = segments.last?.last, ranks[column] == ranks[last]! + 1 {
        segments[segments.count - 1].last = column
      } else {
        segments.append((column, column))
      }
    }
    for (index, segment) in segments.enumerated() {
      line.starts[segment.first] = index
      line.ends[segment.last] = index
    }
    emit(.cellsBegin, width: segments.count * 8, second: UInt64(segments.count))
    let before = byteCount
    cells(event.fields, [])
    let places = segments.indices.sorted { segments[$0].first < segments[$1].first }
    var last = 0
    let entries = places.map { index in
      defer { last = segments[index].last }
      return CellSegment(index: UInt32(index), separators: UInt32(segments[index].first - last))
    }
    let key = keyPath.flatMap { line.columns.index(of: $0) }
    let keySegment = key.flatMap { key in segments.firstIndex { ($0.first...$0.last).contains(key) } } ?? -1
    // The cells once more, in their order.
    emit(
      .cellsEnd, width: byteCount - before + literal.count + line.columns.count,
      owner: Owner(row: -1, seed: UInt64(bitPattern: Int64(keySegment))),
      parameter: UInt64(UInt(bitPattern: memory.array(entries))),
      second: UInt64(entries.count) | UInt64(line.columns.count - 1 - last) << 32)
  }

  /// Whether an object can be null or left out, and all its cells with it.
  private func mayLackCells(_ fields: [FieldDefinition], _ outer: [String]) -> Bool {
    fields.contains { field in
      guard case .object(let inner) = field.generator else { return false }
      let path = outer + [field.name]
      return field.optional > 0 || field.nullable > 0 || field.condition != nil || fault(at: path) != nil
        || mayLackCells(inner, path)
    }
  }

  /// Commas up to this column.
  private mutating func separate(_ column: Int) {
    if line.starts[column] != nil {
      line.column = column
    } else if column > line.column {
      literal += [UInt8](repeating: UInt8(ascii: ","), count: column - line.column)
      line.column = column
    }
  }

  private mutating func cells(_ fields: [FieldDefinition], _ outer: [String]) {
    for field in fields {
      let path = outer + [field.name]
      let columns = line.columns.columns(of: field, at: path)
      if let first = columns.first { separate(first) }
      let absent = field.optional > 0 ? [emit(.chance, width: 0, parameter: Self.threshold(field.optional))] : []
      let fault = self.fault(at: path)
      if fault != nil { emit(.skipBegin, width: 0) }
      if case .object(let inner) = field.generator {
        let start = line.column
        let nulls = presence(field)
        cells(inner, path)
        orElse(nulls) { $0.emptyCells(from: start, to: columns.last) }
        if let fault {
          emit(.skipEnd, width: 0)
          if let keyPath, keyPath.starts(with: path) { emit(.noKey, width: 0) }
          if fault == .wrongType, let first = columns.first {
            literal += CSVColumns.cell("n/a")
            endCell(first)
          }
          emptyCells(from: start, to: columns.last)
        }
        orElse(absent) { $0.emptyCells(from: start, to: columns.last) }
      } else {
        leaf(field, path)
        if let fault {
          emit(.skipEnd, width: 0)
          if keyPath == path { emit(.noKey, width: 0) }
          if fault == .wrongType { text(wrongValue(at: path).replacing("\"", with: "")) } else { emptyCell() }
        }
        orElse(absent) { $0.emptyCell() }
        // What is taken back is no cell.
        if variant.map({ $0.path == path || !path.starts(with: $0.path) }) ?? true { endCell(columns[0]) }
      }
    }
  }

  /// The separators of cells that stay empty.
  private mutating func emptyCells(from start: Int, to last: Int?) {
    guard !line.isShuffled, let last else { return }
    line.column = start
    separate(last)
    if line.columns.count == 1 { emptyCell() }
  }

  private mutating func leaf(_ field: FieldDefinition, _ path: [String]) {
    let isKey = keyPath == path
    if isKey { emit(.keyStart, width: 0) }
    let nulls = presence(field)
    content(field, path: path, .cell)
    orElse(nulls) { $0.emptyCell() }
    if isKey { emit(.keyEndCell, width: 0) }
  }

  /// Nothing: an empty cell, which in a line of its own needs quotes so as not to be an empty line.
  mutating func emptyCell() { if line.columns.count == 1 { text("\"\"") } }

  /// Where the cells will be put in order: notes where a segment ends.
  private mutating func endCell(_ column: Int) {
    if let segment = line.ends[column] { emit(.cell, width: 0, second: UInt64(segment)) }
  }

  // MARK: - Cells

  /// A value as a cell: a text as it is, a list or a mapping as JSON; in quotes where it needs them.
  mutating func cell(_ generator: FieldGenerator, _ owner: Owner) {
    switch generator {
    case .const(let scalar): literal += scalarCell(scalar)
    case .choice(let values, let weights): choice(values.map { scalarCell($0) }, weights, owner)
    case .array, .list, .map, .object: checked { $0.value(generator, owner, .json) }
    case .text(let pieces) where Self.mayNeedQuotes(pieces): checked { $0.value(generator, owner, .plainText) }
    case .sequence(let settings) where Self.mayNeedQuotes(settings.text.map { [.literal($0.prefix), .literal($0.suffix)] } ?? []):
      checked { $0.value(generator, owner, .plainText) }
    case .time(_, .pattern): checked { $0.value(generator, owner, .plainText) }
    default: value(generator, owner, .plainText)
    }
  }

  /// Looks at what `body` has written, and puts it in quotes where it has to.
  private mutating func checked(_ body: (inout EventCompiler) -> Void) {
    emit(.skipBegin, width: 0)
    let before = byteCount
    body(&self)
    if !literal.isEmpty { emit(.nothing, width: 0) }
    emit(.quoteCell, width: byteCount - before + 2)
  }

  private func scalarCell(_ scalar: Scalar) -> [UInt8] {
    switch scalar {
    case .null: line.columns.count == 1 ? Array("\"\"".utf8) : []
    case .bool(let value): Array((value ? "true" : "false").utf8)
    case .integer(let value): Array(String(value).utf8)
    case .double(let value): value.isFinite ? Array(value.description.utf8) : []
    case .string(let value): CSVColumns.cell(value)
    }
  }

  /// Whether a text can hold a special byte or be empty, as far as can be told beforehand.
  private static func mayNeedQuotes(_ pieces: [TextPiece]) -> Bool {
    !pieces.contains(where: isNeverEmpty) || pieces.contains(where: mayBeSpecial)
  }

  private static func isNeverEmpty(_ piece: TextPiece) -> Bool {
    switch piece {
    case .literal(let text): !text.isEmpty
    case .characters(let set, let count): !set.isEmpty && count.lowerBound > 0
    case .value(.uuid), .value(.integer), .value(.number), .value(.bool), .value(.sequence): true
    case .value: false
    case .alternatives(let ways, _): ways.allSatisfy { $0.contains(where: isNeverEmpty) }
    case .repeated(let inner, let count): count.lowerBound > 0 && inner.contains(where: isNeverEmpty)
    }
  }

  private static func mayBeSpecial(_ piece: TextPiece) -> Bool {
    switch piece {
    case .literal(let text): text.utf8.contains(where: CSVColumns.isSpecial)
    case .characters(let set, _): set.contains { $0.utf8.contains(where: CSVColumns.isSpecial) }
    case .value(.uuid), .value(.integer), .value(.number), .value(.bool): false
    case .value(.text(let inner)): inner.contains(where: mayBeSpecial)
    case .value: true
    case .alternatives(let ways, _): ways.contains { $0.contains(where: mayBeSpecial) }
    case .repeated(let inner, _): inner.contains(where: mayBeSpecial)
    }
  }
}
