// The columns of a CSV output (RFC 4180): the paths of all fields that its records can have and that hold no fields themselves, in order of first
// appearance; nested ones with dots. A record without a column leaves it empty.

import Base
import Schema

struct CSVColumns {
  /// The path of each column.
  private(set) var paths: [[String]] = []
  private var indices: [[String]: Int] = [:]

  /// No columns.
  static let none = CSVColumns()

  private init() {}

  /// The columns of all records of an output, those that an incident changes included. Throws where two columns would have the same name.
  init(_ schema: EventSchema, output: Int) throws(Failure) {
    for event in schema.events where event.output == output { add(event.fields, []) }
    for incident in schema.incidents {
      guard case .schemaChange(let changes) = incident.kind else { continue }
      for change in changes where schema.events[change.event].output == output { add(change.fields, []) }
    }
    var names: Set<String> = []
    for path in paths where !names.insert(path.joined(separator: ".")).inserted {
      throw Failure(
        .badConfiguration,
        "csv: two fields would have the column '\(path.joined(separator: "."))': one has a dot in its name, the other is nested; rename one"
      )
    }
  }

  var count: Int { paths.count }

  func index(of path: [String]) -> Int? { indices[path] }

  /// The first line, with its line feed.
  var header: [UInt8] {
    var line: [UInt8] = []
    for (index, path) in paths.enumerated() {
      if index > 0 { line.append(UInt8(ascii: ",")) }
      line += Self.cell(path.joined(separator: "."))
    }
    return line + [UInt8(ascii: "\n")]
  }

  /// The columns of a field: its own, or those of what it holds, in the order in which they are written.
  func columns(of field: FieldDefinition, at path: [String]) -> [Int] {
    guard case .object(let inner) = field.generator else { return index(of: path).map { [$0] } ?? [] }
    return inner.flatMap { columns(of: $0, at: path + [$0.name]) }
  }

  private mutating func add(_ fields: [FieldDefinition], _ path: [String]) {
    for field in fields {
      let path = path + [field.name]
      if case .object(let inner) = field.generator {
        add(inner, path)
      } else if indices.updateValue(indices[path] ?? paths.count, forKey: path) == nil {
        paths.append(path)
      }
    }
  }

  /// A text as a cell: in quotes where it has to be, and where it is empty, so that it can be told from nothing.
  static func cell(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    guard bytes.isEmpty || bytes.contains(where: isSpecial) else { return bytes }
    return [UInt8(ascii: "\"")] + bytes.flatMap { $0 == UInt8(ascii: "\"") ? [$0, $0] : [$0] } + [UInt8(ascii: "\"")]
  }

  /// Whether a byte cannot stand in a cell without quotes.
  @inline(__always)
  static func isSpecial(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
  }
}
