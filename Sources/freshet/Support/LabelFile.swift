// Labels in a file: CSV with a header line, or a JSON object per line. Read whole, because every label waits for its place in time; written again in the
// same order with features behind what stood there.

import Base
import Codec
import Features
import Foundation
import LocalTransport
import Records

struct LabelFile {
  enum Format {
    case csv
    case ndjson

    /// By the file's name; `-` takes what `standard` says.
    init(_ path: String, _ option: String, standard: Format? = nil) throws(Failure) {
      let name = path.lowercased()
      if name.hasSuffix(".csv") {
        self = .csv
      } else if name.hasSuffix(".ndjson") || name.hasSuffix(".jsonl") || name.hasSuffix(".json") {
        self = .ndjson
      } else if name.hasSuffix(".parquet") {
        throw Failure(.usage, "\(option): Parquet is not built in this version; use .csv or .ndjson, found '\(path)'")
      } else if path == "-", let standard {
        self = standard
      } else {
        throw Failure(.usage, "\(option): expected a file named .csv or .ndjson, found '\(path)'")
      }
    }
  }

  let name: String
  let format: Format
  /// CSV: the header's names. JSON: the names of the first object.
  let columns: [String]
  /// CSV: per label its cells.
  private var cells: [[String]] = []
  /// JSON: per label its line.
  private var lines: [[UInt8]] = []
  /// JSON: where each label stands in the file.
  private var lineNumbers: [Int] = []

  var count: Int { format == .csv ? cells.count : lines.count }

  init(path: String) throws {
    name = path == "-" ? "stdin" : path
    let named = path == "-" ? nil : try Format(path, "--labels")
    let handle = path == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: path)
    guard let handle, let data = try handle.readToEnd() ?? Data() as Data? else {
      throw Failure(.noInput, "--labels: cannot read '\(path)'")
    }
    let bytes = [UInt8](data)
    let first = bytes.first { ![32, 9, 10, 13].contains($0) }
    format = named ?? (first == UInt8(ascii: "{") ? .ndjson : .csv)
    switch format {
    case .csv:
      var records = try DelimitedLabels.records(of: bytes, name)
      guard !records.isEmpty else { throw Failure(.badData, "\(name): expected a header line with the names of the columns") }
      columns = records.removeFirst()
      for (index, record) in records.enumerated() where record.count != columns.count {
        throw Failure(.badData, "\(name): label \(index + 1) has \(record.count) fields, and the header \(columns.count)")
      }
      cells = records
    case .ndjson:
      for (number, line) in bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
        let text = line.last == 13 ? line.dropLast() : line
        guard text.contains(where: { $0 != 32 && $0 != 9 }) else { continue }
        lines.append(Array(text))
        lineNumbers.append(number + 1)
      }
      columns = lines.first.map(JSONMembers.names) ?? []
    }
  }

  /// The values of a column, as texts; nil where a label has none. A column that is nowhere is a failure that says which there are.
  func texts(_ column: String, _ what: String) throws -> [String?] {
    switch format {
    case .csv:
      guard let index = columns.firstIndex(of: column) else {
        throw Failure(
          .badData, "\(name): no column '\(column)' (\(what)); there are \(columns.map { "'\($0)'" }.joined(separator: ", "))")
      }
      return cells.map { $0[index].isEmpty ? nil : $0[index] }
    case .ndjson:
      let values = try values([column])[0]
      guard count == 0 || values.contains(where: { $0 != nil }) else {
        throw Failure(.badData, "\(name): no label has a field '\(column)' (\(what))")
      }
      return values
    }
  }

  /// JSON: the values of fields as they stand in tables, per field and label.
  private func values(_ fields: [String]) throws -> [[String?]] {
    let reader = JSONColumnReader(paths: fields.map { FieldPath([$0]) })
    let columns = Columns(columnCount: fields.count)
    var values = fields.map { _ in [String?]() }
    for first in stride(from: 0, to: lines.count, by: 4096) {
      let batch = RecordBatch()
      for line in lines[first..<min(first + 4096, lines.count)] {
        line.withUnsafeBufferPointer { batch.append(value: $0, key: nil, timestamp: .min, offset: 0, partition: 0) }
      }
      reader.decode(batch, into: columns)
      for row in 0..<batch.count {
        guard columns.statuses[row] == .valid else {
          throw Failure(
            .badData, "\(name):\(lineNumbers[first + row]): \(reader.explanation(ofRow: row, in: batch))")
        }
        for field in fields.indices { values[field].append(Self.text(columns.column(field)[row])) }
      }
    }
    return values
  }

  private static func text(_ value: ColumnValue) -> String? {
    switch value.kind {
    case .missing, .null: nil
    case .bool: value.bits != 0 ? "true" : "false"
    case .integer: "\(value.integer)"
    case .double: "\(value.double)"
    case .string, .composite: String(decoding: value.bytes, as: UTF8.self)
    }
  }

  // MARK: Writing

  /// Writes the labels with more columns behind their own.
  ///
  /// - Parameters:
  ///   - textColumns: Columns whose cells are texts in JSON, whatever they look like.
  ///   - value: The value of a further column, by index, for a label.
  func write(
    _ format: Format, further: [String], textColumns: Set<String>, value: (Int, Int) -> (json: String, plain: String),
    to writer: FileDescriptorWriter
  ) throws {
    let own = format == .csv && self.format == .ndjson ? try values(columns) : []
    var text = ""
    if format == .csv { text = (columns + further).map(Self.cell).joined(separator: ",") + "\n" }
    for label in 0..<count {
      switch format {
      case .csv:
        let first = self.format == .csv ? cells[label] : columns.indices.map { own[$0][label] ?? "" }
        text += (first + further.indices.map { value($0, label).plain }).map(Self.cell).joined(separator: ",") + "\n"
      case .ndjson:
        text += object(label, textColumns)
        for index in further.indices { text += ",\(JSONText.quoted(further[index])):\(value(index, label).json)" }
        text += "}\n"
      }
      if text.utf8.count > 1 << 16 || label == count - 1 {
        try text.withUTF8 { try writer.write(UnsafeRawBufferPointer($0)) }
        text = ""
      }
    }
    try text.withUTF8 { try writer.write(UnsafeRawBufferPointer($0)) }
  }

  /// A label as an object without its end.
  private func object(_ label: Int, _ textColumns: Set<String>) -> String {
    if format == .ndjson {
      // Valid JSON, as was checked when its key was read.
      return String(decoding: lines[label][..<lines[label].lastIndex(of: UInt8(ascii: "}"))!], as: UTF8.self)
    }
    return "{"
      + columns.indices.map { index in
        let cell = cells[label][index]
        let json = cell.isEmpty ? "null" : !textColumns.contains(columns[index]) && JSONMembers.isNumber(cell) ? cell : nil
        return "\(JSONText.quoted(columns[index])):\(json ?? JSONText.quoted(cell))"
      }.joined(separator: ",")
  }

  private static func cell(_ text: String) -> String {
    guard text.utf8.contains(where: { [44, 34, 10, 13].contains($0) }) else { return text }
    return "\"\(text.replacingOccurrences(of: "\"", with: "\"\""))\""
  }
}

/// CSV as RFC 4180 has it, as bytes.
private enum DelimitedLabels {
  static func records(of bytes: [UInt8], _ name: String) throws(Failure) -> [[String]] {
    var records: [[String]] = []
    var record: [String] = []
    var field: [UInt8] = []
    var isQuoted = false
    var wasQuoted = false
    var index = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    func endField() {
      record.append(String(decoding: field, as: UTF8.self))
      field.removeAll(keepingCapacity: true)
      wasQuoted = false
    }
    func endRecord() {
      let isBlank = record.isEmpty && field.isEmpty && !wasQuoted
      endField()
      if !isBlank { records.append(record) }
      record.removeAll()
    }
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      switch byte {
      case UInt8(ascii: "\"") where isQuoted && index < bytes.count && bytes[index] == byte:
        field.append(byte)
        index += 1
      case UInt8(ascii: "\"") where isQuoted: isQuoted = false
      case _ where isQuoted: field.append(byte)
      case UInt8(ascii: "\"") where field.isEmpty && !wasQuoted: (isQuoted, wasQuoted) = (true, true)
      case UInt8(ascii: ","): endField()
      case 13 where index < bytes.count && bytes[index] == 10: break
      case 10: endRecord()
      default: field.append(byte)
      }
    }
    if isQuoted { throw Failure(.badData, "\(name): a quote is not closed") }
    if !field.isEmpty || !record.isEmpty || wasQuoted { endRecord() }
    return records
  }
}

/// What has to be known of an object besides its values.
private enum JSONMembers {
  /// The names of the members of an object, in its order; what cannot be read ends the list.
  static func names(_ line: [UInt8]) -> [String] {
    var names: [String] = []
    var depth = 0
    var index = 0
    var isName = false
    while index < line.count {
      let byte = line[index]
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        isName = depth == 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: ",") where depth == 1: isName = true
      case UInt8(ascii: "\""):
        var end = index + 1
        while end < line.count, line[end] != byte { end += line[end] == UInt8(ascii: "\\") ? 2 : 1 }
        guard end < line.count else { return names }
        if isName, depth == 1 {
          let text = Data(line[index...end])
          let name = try? JSONSerialization.jsonObject(with: text, options: .fragmentsAllowed) as? String
          if let name, !names.contains(name) { names.append(name) }
          isName = false
        }
        index = end
      default: break
      }
      index += 1
    }
    return names
  }

  /// Whether a text is a number, or a truth value, as JSON writes it.
  static func isNumber(_ text: String) -> Bool {
    if text == "true" || text == "false" { return true }
    var rest = text.utf8[...]
    if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
    func digits() -> Int {
      let count = rest.prefix { (48...57).contains($0) }.count
      rest = rest.dropFirst(count)
      return count
    }
    let isZero = rest.first == 48
    let whole = digits()
    guard whole > 0, !isZero || whole == 1 else { return false }
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      guard digits() > 0 else { return false }
    }
    if let first = rest.first, first == UInt8(ascii: "e") || first == UInt8(ascii: "E") {
      rest = rest.dropFirst()
      if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { rest = rest.dropFirst() }
      guard digits() > 0 else { return false }
    }
    return rest.isEmpty && text.utf8.count < 300
  }
}
