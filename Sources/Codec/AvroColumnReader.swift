// Avro records -> columns. The schema of a record comes with the batch (a container file), by its number in front of the record (Confluent's wire
// format: a zero byte and four bytes of number, the high one first), or is given once for all. Each schema is compiled the first time it is met.

import Base
import Records

/// A schema as a registry holds it, with those that it refers to, each after the ones that it needs itself.
public struct AvroSchemaTexts: Sendable, Equatable {
  public var schema: String
  public var definitions: [String]
  /// Why the schema cannot be used, whatever it says, as when it is of another kind.
  public var refusal: String?

  public init(schema: String, definitions: [String] = [], refusal: String? = nil) {
    self.schema = schema
    self.definitions = definitions
    self.refusal = refusal
  }
}

/// Finds a schema by its number: nil where a registry does not have it, a failure where it cannot be asked. It is called again each time a
/// number is met that it did not know, so that it has to remember what it knows not.
public typealias AvroSchemaLookup = @Sendable (Int32) throws(Failure) -> AvroSchemaTexts?

/// Belongs to one thread.
public final class AvroColumnReader: RecordDecoder {
  /// Where the schemas of records come from that carry none.
  public enum SchemaOrigin: Sendable {
    case given(AvroSchema)
    /// Confluent's wire format.
    case registry(AvroSchemaLookup)
    /// Only from containers.
    case batch
  }

  private enum Schema {
    case program(AvroProgram)
    /// Why records of this schema cannot be read.
    case refused(String)
  }

  public let paths: [FieldPath]
  private let origin: SchemaOrigin
  private let text = DeferredText()
  private let scratch = ByteBuffer()
  /// By number.
  private var schemas: [Int32: Schema] = [:]
  /// Of the last batch that carried one.
  private var batchText: String?
  private var batchSchema = Schema.refused("the records have no schema")
  private var given: Schema?

  public init(paths: [FieldPath], _ origin: SchemaOrigin) {
    self.paths = paths
    self.origin = origin
    if case .given(let schema) = origin { given = Self.compile(schema, paths) }
  }

  public func decode(_ batch: RecordBatch, into columns: Columns) throws(Failure) {
    precondition(columns.columnCount >= paths.count, "one column per path")
    columns.reset(rowCount: batch.count, textByteCount: 0)
    text.removeAll()
    guard batch.count > 0 else { return }
    for index in paths.indices { columns.column(index).update(repeating: ColumnValue(kind: .missing), count: batch.count) }
    if let schema = batch.schema {
      decodeRows(batch, columns, try schemaOfBatch(schema), prefixCount: 0, rows: 0..<batch.count)
    } else if let given {
      decodeRows(batch, columns, given, prefixCount: 0, rows: 0..<batch.count)
    } else if case .registry = origin {
      try decodeNumbered(batch, columns)
    } else {
      columns.statuses.update(repeating: .unknownSchema, count: batch.count)
    }
    text.resolve()
  }

  /// Runs of records with the same number in front.
  private func decodeNumbered(_ batch: RecordBatch, _ columns: Columns) throws(Failure) {
    var row = 0
    while row < batch.count {
      guard let number = Self.number(in: batch.value(row)) else {
        columns.statuses[row] = batch.slots[row].valueCount == 0 ? .empty : .malformed
        columns.errorByteIndex[row] = 0
        row += 1
        continue
      }
      var next = row + 1
      while next < batch.count, Self.number(in: batch.value(next)) == number { next += 1 }
      if let schema = try schema(number) {
        decodeRows(batch, columns, schema, prefixCount: Self.prefixCount, rows: row..<next)
      } else {
        for index in row..<next { columns.statuses[index] = .unknownSchema }
      }
      row = next
    }
  }

  private func decodeRows(_ batch: RecordBatch, _ columns: Columns, _ schema: Schema, prefixCount: Int, rows: Range<Int>) {
    let statuses = columns.statuses
    guard case .program(let program) = schema else {
      for row in rows { statuses[row] = batch.slots[row].valueCount == 0 ? .empty : .unknownSchema }
      return
    }
    let base = UnsafePointer(batch.bytes.base)
    var scanner = AvroScanner(
      program, values: columns.column(0), stride: columns.columnCount > 1 ? columns.column(1) - columns.column(0) : 0, text: text,
      end: base)
    for row in rows {
      let slot = batch.slots[row]
      let start = base + Int(slot.valueStart)
      let (textCount, textByteCount) = (text.count, text.buffer.count)
      scanner.row = row
      scanner.end = start + Int(slot.valueCount)
      scanner.textCountMax = textByteCount + AvroScanner.textCountMax(forByteCount: Int(slot.valueCount))
      if slot.valueCount == 0 || slot.marks.contains(.unreadable) {
        statuses[row] = slot.valueCount == 0 ? .empty : .malformed
        columns.errorByteIndex[row] = 0
      } else if scanner.record(start + prefixCount) {
        statuses[row] = scanner.status
      } else {
        statuses[row] = .malformed
        columns.errorByteIndex[row] = UInt32(truncatingIfNeeded: scanner.faultPosition - start)
        scanner.clearRow()
        text.rewind(count: textCount, byteCount: textByteCount)
      }
    }
  }

  // MARK: - Schemas

  private static func compile(_ schema: AvroSchema, _ paths: [FieldPath]) -> Schema {
    guard schema.hasFields else { return .refused("the schema is no record, but \(schema.rootName)") }
    do { return .program(try AvroProgram(schema, paths: paths)) } catch { return .refused(error.description) }
  }

  /// A file whose own schema cannot be read has no record that can.
  private func schemaOfBatch(_ text: String) throws(Failure) -> Schema {
    if text == batchText { return batchSchema }
    let schema: AvroSchema
    do { schema = try AvroSchema(text) } catch { throw Failure(.badData, "the schema of the file: \(error)") }
    batchSchema = Self.compile(schema, paths)
    if case .refused(let reason) = batchSchema { throw Failure(.badData, "the schema of the file: \(reason)") }
    batchText = text
    return batchSchema
  }

  /// Nil where nobody knows the number.
  private func schema(_ number: Int32) throws(Failure) -> Schema? {
    if let known = schemas[number] { return known }
    guard case .registry(let lookUp) = origin, let texts = try lookUp(number) else { return nil }
    let schema: Schema
    if let refusal = texts.refusal {
      schema = .refused(refusal)
    } else {
      do {
        schema = Self.compile(try AvroSchema(texts.schema, definitions: texts.definitions), paths)
      } catch {
        schema = .refused(error.description)
      }
    }
    schemas[number] = schema
    return schema
  }

  // MARK: - Confluent's wire format

  private static let prefixCount = 5

  /// The number of a value's schema, nil where the value does not begin with one.
  @inline(__always)
  private static func number(in value: UnsafeBufferPointer<UInt8>) -> Int32? {
    guard value.count >= prefixCount, value[0] == 0 else { return nil }
    return Int32(bigEndian: UnsafeRawPointer(value.baseAddress!).loadUnaligned(fromByteOffset: 1, as: Int32.self))
  }

  // MARK: - Messages

  public func explanation(ofRow row: Int, in batch: RecordBatch) -> String {
    let value = batch.value(row)
    if batch.slots[row].marks.contains(.unreadable) { return String(decoding: value, as: UTF8.self) }
    if batch.schema != nil { return explanation(value, batchSchema, prefixCount: 0) }
    if let given { return explanation(value, given, prefixCount: 0) }
    guard let number = Self.number(in: value) else {
      guard value.first != 0 else {
        return "not in Confluent's wire format: \(value.count) bytes, and the schema's number takes \(Self.prefixCount)"
      }
      let byte = String(value[0], radix: 16)
      let hint = value[0] == UInt8(ascii: "{") ? "; is this JSON?" : ""
      return "not in Confluent's wire format: the first byte is 0x\(byte.count < 2 ? "0" : "")\(byte), expected 0x00\(hint)"
    }
    guard let schema = schemas[number] else { return "the registry has no schema \(number)" }
    if case .refused(let reason) = schema { return "schema \(number) of the registry: \(reason)" }
    return explanation(value, schema, prefixCount: Self.prefixCount)
  }

  private func explanation(_ value: UnsafeBufferPointer<UInt8>, _ schema: Schema, prefixCount: Int) -> String {
    guard case .program(let program) = schema else {
      if case .refused(let reason) = schema { return reason }
      return "malformed Avro"
    }
    scratch.removeAll()
    scratch.append(value)
    let start = UnsafePointer(scratch.base)
    let columns = Columns(columnCount: max(1, paths.count))
    columns.reset(rowCount: 1, textByteCount: 0)
    let texts = DeferredText()
    var scanner = AvroScanner(
      program, values: columns.column(0), stride: columns.columnCount > 1 ? columns.column(1) - columns.column(0) : 0, text: texts,
      end: start + value.count)
    scanner.textCountMax = AvroScanner.textCountMax(forByteCount: value.count)
    guard scanner.record(start + prefixCount) else {
      let position = min(max(0, scanner.faultPosition - start), value.count)
      return "malformed Avro at \(AvroFault(byteIndex: position, reason: scanner.faultReason, field: scanner.faultField))"
    }
    return "expected an Avro record, found a value of another type"
  }

  public func excerpt(ofRow row: Int, in batch: RecordBatch) -> String? {
    let value = batch.value(row)
    if batch.slots[row].marks.contains(.unreadable) { return nil }
    let digits = value.prefix(32).map { byte in
      let text = String(byte, radix: 16)
      return text.count < 2 ? "0" + text : text
    }
    return "\(value.count) bytes: " + digits.joined(separator: " ") + (value.count > 32 ? " ..." : "")
  }
}
