// A record reduced to the fields that views of recent events read: nested JSON as in the record, made from decoded columns, so that it is the same for
// every format. Fields that are no record's own (`$key`, `$headers.NAME`) stand under their names.

import Base
import Features
import Records

/// What the lists of one entity's recent events take of a source's records.
struct RecentEventsPlan: Sendable {
  /// The column of the entity's key; nil for `entity: all`.
  var keyColumn: Int?
  /// A record is kept where one of these holds; nil where every record is.
  var predicates: [Int]?
  var fields: RecentEventFields
}

/// The fields as a tree: an inner node is an object.
struct RecentEventFields: Sendable {
  private final class Node: Sendable {
    /// `"name":`
    let label: [UInt8]
    let column: Int?
    let children: [Node]

    init(label: [UInt8], column: Int?, children: [Node]) {
      self.label = label
      self.column = column
      self.children = children
    }
  }

  private let roots: [Node]

  /// - Parameter fields: Paths, each once, with the columns that hold their values.
  init(_ fields: [(path: FieldPath, column: Int)]) { roots = Self.nodes(fields.map { ($0.path.components[...], $0.column) }) }

  private static func nodes(_ fields: [(path: ArraySlice<String>, column: Int)]) -> [Node] {
    var names: [String] = []
    for field in fields where !names.contains(field.path.first!) { names.append(field.path.first!) }
    return names.map { name in
      let below = fields.filter { $0.path.first! == name }.map { (path: $0.path.dropFirst(), column: $0.column) }
      return Node(
        label: Array("\(JSONText.quoted(name)):".utf8), column: below.first { $0.path.isEmpty }?.column,
        children: nodes(below.filter { !$0.path.isEmpty }))
    }
  }

  /// Appends the fields of a record; `value` gives those of its columns. What is missing is left out.
  func append(to out: ByteBuffer, value: (Int) -> ColumnValue) {
    out.append(UInt8(ascii: "{"))
    _ = Self.append(roots, to: out, value)
    out.append(UInt8(ascii: "}"))
  }

  /// Says whether there was any.
  private static func append(_ nodes: [Node], to out: ByteBuffer, _ value: (Int) -> ColumnValue) -> Bool {
    var hasSome = false
    for node in nodes {
      let start = out.count
      if hasSome { out.append(UInt8(ascii: ",")) }
      node.label.withUnsafeBufferPointer { out.append($0) }
      // An object that is wanted whole holds what is wanted of it.
      if let column = node.column, append(value(column), to: out) {
        hasSome = true
        continue
      }
      out.append(UInt8(ascii: "{"))
      if append(node.children, to: out, value) {
        out.append(UInt8(ascii: "}"))
        hasSome = true
      } else {
        out.count = start
      }
    }
    return hasSome
  }

  /// Says whether there is a value.
  private static func append(_ value: ColumnValue, to out: ByteBuffer) -> Bool {
    switch value.kind {
    case .missing: return false
    case .null: out.append("null" as StaticString)
    case .bool: out.append(value.bool ? "true" as StaticString : "false")
    case .integer:
      out.reserve(NumberText.maximumByteCount)
      out.count += NumberText.write(value.integer, to: out.base + out.count)
    case .double:
      out.reserve(NumberText.maximumByteCount)
      out.count += NumberText.write(value.double, to: out.base + out.count)
    case .string: JSONText.appendQuoted(value.bytes, to: out)
    case .composite: out.append(value.bytes)
    }
    return true
  }
}
