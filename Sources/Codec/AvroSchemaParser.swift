// Reads the JSON of Avro schemas. Names are resolved as the specification says: a name with a dot is whole, another one stands in the namespace
// of what surrounds it. An attribute that is not known says nothing; a logical type that does not fit its type is as if it were not there.

import Foundation

struct AvroSchemaParser {
  private(set) var types: [AvroSchema.TypeEntry] = []
  /// Records, enumerations and fixed types by full name.
  private var named: [String: Int] = [:]

  /// Bounds on what is read, so that no schema can exhaust the stack or the memory.
  static let depthMax = 128
  static let typeCountMax = 50_000
  static let byteCountMax = 16 << 20
  static let fixedByteCountMax = 1 << 28

  private static let primitives: [String: AvroSchema.Kind] = [
    "null": .null, "boolean": .boolean, "int": .int, "long": .long, "float": .float, "double": .double, "bytes": .bytes,
    "string": .string,
  ]

  /// Reads one schema; gives the number of its type. What it names can be used by schemas that are read later.
  mutating func parse(_ text: String) throws(AvroSchemaError) -> Int {
    guard text.utf8.count <= Self.byteCountMax else {
      throw AvroSchemaError("the schema is larger than \(Self.byteCountMax) bytes")
    }
    let document: Any
    do {
      document = try JSONSerialization.jsonObject(with: Data(text.utf8), options: [.fragmentsAllowed])
    } catch {
      throw AvroSchemaError("the schema is not JSON\(Self.reason(error))")
    }
    return try type(document, namespace: "", place: "", depth: 0)
  }

  private static func reason(_ error: any Error) -> String {
    guard let reason = (error as NSError).userInfo["NSDebugDescription"] as? String else { return "" }
    return ": " + reason.prefix(1).lowercased() + reason.dropFirst()
  }

  // MARK: - Types

  /// - Parameter place: where the type stands, for messages, with a colon behind it; empty at the top.
  private mutating func type(_ node: Any, namespace: String, place: String, depth: Int) throws(AvroSchemaError) -> Int {
    guard depth < Self.depthMax else { throw AvroSchemaError("\(place)nested more than \(Self.depthMax) deep") }
    if let name = node as? String { return try reference(name, namespace, place) }
    if let branches = node as? [Any] { return try union(branches, namespace, place, depth) }
    guard let node = node as? [String: Any] else {
      throw AvroSchemaError("\(place)expected a type: a name, a list for a union, or an object with a 'type'")
    }
    guard let inner = node["type"] else { throw AvroSchemaError("\(place)'type' is missing") }
    guard let name = inner as? String else {
      // {"type": {"type": "long", ...}} is the inner type.
      return try type(inner, namespace: namespace, place: place, depth: depth + 1)
    }
    switch name {
    case "record", "error": return try record(node, namespace, place, depth)
    case "enum": return try enumeration(node, namespace, place)
    case "fixed": return try fixed(node, namespace, place)
    case "array":
      guard let items = node["items"] else { throw AvroSchemaError("\(place)'items' of an array is missing") }
      let index = try add(.null, place)
      types[index].kind = .array(
        items: try type(items, namespace: namespace, place: place + "items of an array: ", depth: depth + 1))
      return index
    case "map":
      guard let values = node["values"] else { throw AvroSchemaError("\(place)'values' of a map is missing") }
      let index = try add(.null, place)
      types[index].kind = .map(
        values: try type(values, namespace: namespace, place: place + "values of a map: ", depth: depth + 1))
      return index
    default:
      guard let kind = Self.primitives[name] else { return try reference(name, namespace, place) }
      let index = try add(kind, place)
      readMeaning(node, of: index)
      return index
    }
  }

  private mutating func add(_ kind: AvroSchema.Kind, _ place: String) throws(AvroSchemaError) -> Int {
    guard types.count < Self.typeCountMax else { throw AvroSchemaError("\(place)more than \(Self.typeCountMax) types") }
    types.append(AvroSchema.TypeEntry(kind: kind))
    return types.count - 1
  }

  private mutating func reference(_ name: String, _ namespace: String, _ place: String) throws(AvroSchemaError) -> Int {
    if let kind = Self.primitives[name] { return try add(kind, place) }
    if !name.contains("."), !namespace.isEmpty, let known = named["\(namespace).\(name)"] { return known }
    if let known = named[name] { return known }
    let words = Array(Self.primitives.keys) + ["record", "enum", "fixed", "array", "map"]
    let near = words.filter { $0.lowercased() == name.lowercased() }.first ?? Self.near(name, named.keys)
    throw AvroSchemaError("\(place)unknown type '\(name)'" + (near.map { "; did you mean '\($0)'?" } ?? ""))
  }

  /// A known name that ends alike, as where a namespace was forgotten.
  private static func near(_ name: String, _ known: some Collection<String>) -> String? {
    let last = name.split(separator: ".").last ?? ""
    return known.filter { $0.split(separator: ".").last == last }.min()
  }

  private mutating func union(
    _ branches: [Any], _ namespace: String, _ place: String, _ depth: Int
  ) throws(AvroSchemaError) -> Int {
    let index = try add(.null, place)
    var types: [Int] = []
    for (number, branch) in branches.enumerated() {
      let type = try type(branch, namespace: namespace, place: place + "branch \(number + 1) of a union: ", depth: depth + 1)
      if case .union = self.types[type].kind { throw AvroSchemaError("\(place)a union stands directly in a union") }
      types.append(type)
    }
    guard !types.isEmpty else { throw AvroSchemaError("\(place)a union without branches") }
    self.types[index].kind = .union(branches: types)
    return index
  }

  // MARK: - Named types

  /// Gives a type its name before its content is read, so that the content can refer to it. Returns its number and its namespace.
  private mutating func define(
    _ node: [String: Any], _ kind: AvroSchema.Kind, _ what: String, _ namespace: String, _ place: String
  ) throws(AvroSchemaError) -> (index: Int, namespace: String) {
    guard let name = node["name"] as? String, !name.isEmpty else {
      throw AvroSchemaError("\(place)'name' of the \(what) is missing")
    }
    var full = name
    if !name.contains(".") {
      let own = node["namespace"] as? String ?? namespace
      if !own.isEmpty { full = "\(own).\(name)" }
    }
    guard Self.primitives[full] == nil else {
      throw AvroSchemaError("\(place)the \(what) cannot be called '\(full)', which is a type")
    }
    guard named[full] == nil else { throw AvroSchemaError("\(place)'\(full)' is defined twice") }
    let index = try add(kind, place)
    types[index].name = full
    named[full] = index
    return (index, full.split(separator: ".").dropLast().joined(separator: "."))
  }

  private mutating func record(
    _ node: [String: Any], _ namespace: String, _ place: String, _ depth: Int
  ) throws(AvroSchemaError) -> Int {
    let (index, inner) = try define(node, .record(fields: []), "record", namespace, place)
    let name = types[index].name
    guard let list = node["fields"] as? [Any] else { throw AvroSchemaError("\(place)'fields' of record '\(name)' is missing") }
    var fields: [AvroSchema.Field] = []
    var names: Set<String> = []
    for item in list {
      guard let field = item as? [String: Any], let fieldName = field["name"] as? String, !fieldName.isEmpty else {
        throw AvroSchemaError("\(place)record '\(name)' has a field without a name")
      }
      guard names.insert(fieldName).inserted else {
        throw AvroSchemaError("\(place)record '\(name)' has two fields '\(fieldName)'")
      }
      let fieldPlace = "field '\(fieldName)' of record '\(name)': "
      guard let type = field["type"] else { throw AvroSchemaError("\(fieldPlace)'type' is missing") }
      let number = try self.type(type, namespace: inner, place: fieldPlace, depth: depth + 1)
      // Some writers put the logical type beside the field's type, where the specification does not look for it; nor do others.
      fields.append(AvroSchema.Field(name: fieldName, aliases: field["aliases"] as? [String] ?? [], type: number))
    }
    types[index].kind = .record(fields: fields)
    return index
  }

  private mutating func enumeration(
    _ node: [String: Any], _ namespace: String, _ place: String
  ) throws(AvroSchemaError) -> Int {
    let (index, _) = try define(node, .enumeration(symbols: []), "enum", namespace, place)
    guard let symbols = node["symbols"] as? [String], !symbols.isEmpty else {
      throw AvroSchemaError("\(place)'symbols' of enum '\(types[index].name)' is missing")
    }
    types[index].kind = .enumeration(symbols: symbols)
    return index
  }

  private mutating func fixed(_ node: [String: Any], _ namespace: String, _ place: String) throws(AvroSchemaError) -> Int {
    let (index, _) = try define(node, .fixed(byteCount: 0), "fixed", namespace, place)
    guard let size = node["size"] as? Int, (0...Self.fixedByteCountMax).contains(size) else {
      throw AvroSchemaError("\(place)'size' of fixed '\(types[index].name)': expected 0 to \(Self.fixedByteCountMax)")
    }
    types[index].kind = .fixed(byteCount: size)
    readMeaning(node, of: index)
    return index
  }

  // MARK: - Logical types

  private mutating func readMeaning(_ node: [String: Any], of index: Int) {
    guard let name = node["logicalType"] as? String else { return }
    switch (name, types[index].kind) {
    case ("decimal", .bytes), ("decimal", .fixed):
      let scale = node["scale"] as? Int ?? 0
      guard let precision = node["precision"] as? Int, precision > 0, (0...precision).contains(scale), scale <= 1000 else { return }
      types[index].meaning = .decimal
      types[index].scale = scale
    case ("date", .int): types[index].meaning = .date
    case ("time-millis", .int): types[index].meaning = .timeMilliseconds
    case ("time-micros", .long): types[index].meaning = .timeMicroseconds
    case ("timestamp-millis", .long), ("local-timestamp-millis", .long): types[index].meaning = .timestampMilliseconds
    case ("timestamp-micros", .long), ("local-timestamp-micros", .long): types[index].meaning = .timestampMicroseconds
    case ("timestamp-nanos", .long), ("local-timestamp-nanos", .long): types[index].meaning = .timestampNanoseconds
    case ("uuid", .fixed(byteCount: 16)): types[index].meaning = .uuid
    default: break
    }
  }
}
