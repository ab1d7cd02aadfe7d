// Types of Avro schemas (Apache Avro 1.11 specification, "Schema Declaration"). A type is its branches: one, or those of a union; a union holds no
// union and no two branches of a kind, records with different names aside.

import Base

struct AvroType: Equatable, Sendable {
  indirect enum Branch: Equatable, Sendable {
    case null
    case boolean
    case long(LongMeaning)
    case double
    case string(isUUID: Bool)
    case record(AvroRecord)
    case array(AvroType)
    case map(AvroType)
  }

  /// The logical type of a long.
  enum LongMeaning: String, Sendable {
    case number = ""
    case milliseconds = "timestamp-millis"
    case microseconds = "timestamp-micros"
  }

  /// Null first; none at all for the items of a list that is always empty.
  private(set) var branches: [Branch]

  init(_ branches: Branch...) { self.branches = branches }

  static let nothing = AvroType()
  static let text = AvroType(.string(isUUID: false))

  var isNullable: Bool { branches.first == .null }

  /// Takes in all values of the other type. Where both have a branch of a kind with different meanings, it loses its meaning.
  mutating func formUnion(_ other: AvroType) {
    for branch in other.branches {
      guard let index = branches.firstIndex(where: { $0.isOfKind(branch) }) else {
        if branch == .null { branches.insert(branch, at: 0) } else { branches.append(branch) }
        continue
      }
      switch (branches[index], branch) {
      case (.long(let mine), .long(let others)): branches[index] = .long(mine == others ? mine : .number)
      case (.string(let mine), .string(let others)): branches[index] = .string(isUUID: mine && others)
      case (.array(var items), .array(let others)):
        items.formUnion(others)
        branches[index] = .array(items)
      case (.map(var values), .map(let others)):
        values.formUnion(others)
        branches[index] = .map(values)
      default: break
      }
    }
  }

  func union(_ other: AvroType) -> AvroType {
    var type = self
    type.formUnion(other)
    return type
  }

  /// What stands in front of a value of this kind: the index of its branch, where there are several.
  func branchIndex(of branch: Branch) -> [UInt8] {
    guard branches.count > 1 else { return [] }
    guard let index = branches.firstIndex(where: { $0.isOfKind(branch) }) else {
      preconditionFailure("a value has no branch in the type that was made of it")
    }
    return AvroBinary.bytes(Int64(index))
  }

  /// The type of a list's items; a value that is no list has none.
  var items: AvroType {
    for case .array(let items) in branches { return items }
    return .nothing
  }

  /// The type of a mapping's values.
  var values: AvroType {
    for case .map(let values) in branches { return values }
    return .nothing
  }

  func record(at place: String) -> AvroRecord? {
    for case .record(let record) in branches where record.place == place { return record }
    return nil
  }

  // MARK: - Schemas

  /// The type as JSON.
  var json: String {
    switch branches.count {
    case 0: "\"null\""
    case 1: branches[0].json
    default: "[" + branches.map(\.json).joined(separator: ",") + "]"
    }
  }
}

extension AvroType.Branch {
  /// Whether a union cannot hold both.
  func isOfKind(_ other: AvroType.Branch) -> Bool {
    switch (self, other) {
    case (.null, .null), (.boolean, .boolean), (.long, .long), (.double, .double), (.string, .string), (.array, .array),
      (.map, .map):
      true
    case (.record(let mine), .record(let others)): mine.place == others.place
    default: false
    }
  }

  fileprivate var json: String {
    switch self {
    case .null: "\"null\""
    case .boolean: "\"boolean\""
    case .long(.number): "\"long\""
    case .long(let meaning): "{\"type\":\"long\",\"logicalType\":\"\(meaning.rawValue)\"}"
    case .double: "\"double\""
    case .string(false): "\"string\""
    case .string(true): "{\"type\":\"string\",\"logicalType\":\"uuid\"}"
    case .record(let record): record.json
    case .array(let items): "{\"type\":\"array\",\"items\":\(items.json)}"
    case .map(let values): "{\"type\":\"map\",\"values\":\(values.json)}"
    }
  }
}

struct AvroRecord: Equatable, Sendable {
  struct Field: Equatable, Sendable {
    var name: String
    /// The schema's name of the field.
    var original: String
    var type: AvroType
  }

  /// Where the record stands: it tells records apart.
  var place: String
  var name: String
  /// Of the outermost record only.
  var namespace: String?
  var fields: [Field]

  var fullName: String { namespace.map { "\($0).\(name)" } ?? name }

  /// The record's schema as JSON.
  var json: String {
    var text = "{\"type\":\"record\",\"name\":\"\(name)\""
    if let namespace { text += ",\"namespace\":\"\(namespace)\"" }
    let fields = fields.map { field in
      var text = "{\"name\":\"\(field.name)\""
      if field.name != field.original { text += ",\"doc\":\(JSONText.quoted(field.original))" }
      text += ",\"type\":\(field.type.json)"
      return text + (field.type.isNullable ? ",\"default\":null}" : "}")
    }
    return text + ",\"fields\":[\(fields.joined(separator: ","))]}"
  }
}

/// Where a value stands in its event, as a text: what derives the types and what encodes the values go the same ways.
enum AvroPlace {
  static func field(_ place: String, _ name: String) -> String { "\(place).\(name)" }
  static func way(_ place: String, _ index: Int) -> String { "\(place).\(index + 1)" }
  static func items(_ place: String) -> String { "\(place).item" }
  static func item(_ place: String, _ index: Int) -> String { "\(place).item\(index + 1)" }
  static func values(_ place: String) -> String { "\(place).value" }
}

/// Names after the rules of Avro: letters, digits and underscores, no digit first.
struct AvroNames {
  private var used: Set<String> = []

  /// A name like this one that has not been given yet.
  mutating func take(_ text: String) -> String {
    let name = Self.valid(text)
    var candidate = name
    var number = 2
    while !used.insert(candidate).inserted {
      candidate = "\(name)_\(number)"
      number += 1
    }
    return candidate
  }

  static func valid(_ text: String) -> String {
    var name = ""
    for scalar in text.unicodeScalars {
      let isPlain = scalar == "_" || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
      name.unicodeScalars.append(isPlain ? scalar : "_")
    }
    return name.isEmpty || ("0"..."9").contains(name.first!) ? "_" + name : name
  }
}
