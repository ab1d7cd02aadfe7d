// Avro schemas (Apache Avro 1.11 specification, "Schema Declaration") as a table of types that refer to each other by number, so that a type may
// contain itself.

import Records

/// The schema that a writer used.
public struct AvroSchema: Sendable {
  /// What a type says beyond its encoding.
  enum Meaning: UInt8, Sendable {
    case none, decimal, date, timeMilliseconds, timeMicroseconds, timestampMilliseconds, timestampMicroseconds,
      timestampNanoseconds, uuid
  }

  indirect enum Kind: Sendable {
    case null, boolean, int, long, float, double, bytes, string
    case fixed(byteCount: Int)
    case enumeration(symbols: [String])
    case array(items: Int)
    case map(values: Int)
    case union(branches: [Int])
    case record(fields: [Field])
  }

  struct Field: Sendable {
    var name: String
    var aliases: [String]
    var type: Int
  }

  struct TypeEntry: Sendable {
    var kind: Kind
    var meaning = Meaning.none
    /// Of a decimal: digits behind the point.
    var scale = 0
    /// The full name of a record, an enumeration or a fixed; empty for others.
    var name = ""
  }

  let types: [TypeEntry]
  /// The type of a whole value.
  let root: Int
  /// The schema as it was given; the schemas that it refers to are not in it.
  public let text: String

  /// Reads a schema.
  ///
  /// - Parameter definitions: schemas of other names that this one refers to, each after those that it needs itself.
  public init(_ text: String, definitions: [String] = []) throws(AvroSchemaError) {
    var parser = AvroSchemaParser()
    for definition in definitions { _ = try parser.parse(definition) }
    root = try parser.parse(text)
    types = parser.types
    self.text = text
  }

  /// Whether a value can have fields: the root is a record or a map, or a branch of a union at the root is one.
  public var hasFields: Bool {
    alternatives(root).contains {
      switch types[$0].kind {
      case .record, .map: true
      default: false
      }
    }
  }

  /// What a value that is no record is, for messages: `string`.
  public var rootName: String { name(of: root) }

  /// The branches of a union, or the type itself.
  func alternatives(_ type: Int) -> [Int] {
    if case .union(let branches) = types[type].kind { return branches }
    return [type]
  }

  func name(of type: Int) -> String {
    switch types[type].kind {
    case .null: "null"
    case .boolean: "boolean"
    case .int: "int"
    case .long: "long"
    case .float: "float"
    case .double: "double"
    case .bytes: "bytes"
    case .string: "string"
    case .array: "array"
    case .map: "map"
    case .union: "union"
    case .fixed: "fixed '\(types[type].name)'"
    case .enumeration: "enum '\(types[type].name)'"
    case .record: "record '\(types[type].name)'"
    }
  }
}

/// A text that is no schema.
public struct AvroSchemaError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong, and where in the schema: `field 'price' of record 'shop.click': unknown type 'doble'; did you mean 'double'?`
  public var description: String

  init(_ description: String) { self.description = description }
}

extension AvroSchema {
  /// The kinds of column that the field at `path` can give, without null; nil where no record has it. In a map any name is one.
  public func kinds(at path: FieldPath) -> Set<ValueKind>? {
    var found: Set<Int> = []
    visit(root, path.components[...], &found)
    guard !found.isEmpty else { return nil }
    return Set(found.flatMap(alternatives).compactMap(columnKind))
  }

  /// Whether every value at `path` is a timestamp, which columns hold as ms since the epoch.
  public func isTimestamp(at path: FieldPath) -> Bool {
    var found: Set<Int> = []
    visit(root, path.components[...], &found)
    let types = found.flatMap(alternatives).map { self.types[$0] }.filter { if case .null = $0.kind { false } else { true } }
    return !types.isEmpty
      && types.allSatisfy { [.timestampMilliseconds, .timestampMicroseconds, .timestampNanoseconds].contains($0.meaning) }
  }

  private func visit(_ type: Int, _ path: ArraySlice<String>, _ found: inout Set<Int>) {
    guard let name = path.first else {
      found.insert(type)
      return
    }
    for alternative in alternatives(type) {
      switch types[alternative].kind {
      case .record(let fields):
        if let field = Self.field(named: name, in: fields) { visit(fields[field].type, path.dropFirst(), &found) }
      case .map(let values): visit(values, path.dropFirst(), &found)
      default: break
      }
    }
  }

  /// The index of the field with a name, or else with an alias.
  static func field(named name: String, in fields: [Field]) -> Int? {
    fields.firstIndex { $0.name == name } ?? fields.firstIndex { $0.aliases.contains(name) }
  }

  private func columnKind(_ type: Int) -> ValueKind? {
    switch (types[type].kind, types[type].meaning) {
    case (.null, _): nil
    case (.boolean, _): .bool
    case (.int, .date), (.int, .timeMilliseconds), (.long, .timeMicroseconds): .string
    case (.int, _), (.long, _): .integer
    case (.float, _), (.double, _), (.bytes, .decimal), (.fixed, .decimal): .double
    case (.bytes, _), (.string, _), (.fixed, _), (.enumeration, _): .string
    case (.array, _), (.map, _), (.record, _), (.union, _): .composite
    }
  }

  /// The dotted paths of all fields of all records, for hints; recursive types are left after a few levels.
  public var fieldPaths: [String] {
    var paths: [String] = []
    func collect(_ type: Int, _ prefix: String, _ depth: Int) {
      guard depth < 6, paths.count < 10_000 else { return }
      for alternative in alternatives(type) {
        guard case .record(let fields) = types[alternative].kind else { continue }
        for field in fields {
          paths.append(prefix + field.name)
          collect(field.type, prefix + field.name + ".", depth + 1)
        }
      }
    }
    collect(root, "", 0)
    return paths
  }
}
