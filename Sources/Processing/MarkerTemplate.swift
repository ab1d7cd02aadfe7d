// An event with holes: what markers of one view have in common, as a tree of JSON in which the key, the time and what must differ from marker to
// marker stand open.

import Base
import Features
import Records
import Schema

/// JSON with holes.
indirect enum MarkerNode: Equatable, Sendable {
  /// Members in their order.
  case object([(name: String, value: MarkerNode)])
  /// JSON as it stands.
  case json(String)
  /// The marker's key as a text.
  case key
  /// Event time, as the source writes it.
  case time(EventTimeSettings.Format)
  /// A text that no other marker has.
  case unique

  static func == (a: MarkerNode, b: MarkerNode) -> Bool {
    let hole = MarkerFilling(key: "k", time: 0, unique: "u")
    return a.text(hole) == b.text(hole)
  }

  /// What stands for a constant of an expression.
  init(_ scalar: Scalar) {
    self =
      switch scalar {
      case .null: .json("null")
      case .bool(let value): .json(value ? "true" : "false")
      case .integer(let value): .json("\(value)")
      case .double(let value): .json("\(value)")
      case .string(let value): .json(JSONText.quoted(value))
      }
  }

  /// Puts `value` where `path` leads, making objects on the way; what is no object there gives way.
  mutating func set(_ value: MarkerNode, at path: some Collection<String>) {
    guard let name = path.first else {
      self = value
      return
    }
    var members: [(name: String, value: MarkerNode)] = []
    if case .object(let found) = self { members = found }
    let index = members.firstIndex { $0.name == name } ?? members.count
    if index == members.count { members.append((name, .object([]))) }
    members[index].value.set(value, at: path.dropFirst())
    self = .object(members)
  }

  /// Takes away what `path` leads to.
  mutating func remove(at path: some Collection<String>) {
    guard let name = path.first, case .object(var members) = self, let index = members.firstIndex(where: { $0.name == name }) else {
      return
    }
    if path.count == 1 { members.remove(at: index) } else { members[index].value.remove(at: path.dropFirst()) }
    self = .object(members)
  }

  func text(_ filling: MarkerFilling) -> String {
    switch self {
    case .object(let members):
      "{\(members.map { "\(JSONText.quoted($0.name)):\($0.value.text(filling))" }.joined(separator: ","))}"
    case .json(let text): text
    case .key: JSONText.quoted(filling.key)
    case .unique: JSONText.quoted(filling.unique)
    case .time(let format): filling.time(as: format)
    }
  }
}

/// What fills the holes of one marker.
struct MarkerFilling {
  var key: String
  /// Ms since the epoch.
  var time: Int64
  var unique: String

  func time(as format: EventTimeSettings.Format) -> String {
    switch format {
    case .rfc3339: return "\"\(TimeText.rfc3339(time))\""
    case .epochMilliseconds, .record: return "\(time)"
    case .epochSeconds:
      let fraction = "\(time % 1000 + 1000)".suffix(3)
      return "\(time / 1000).\(fraction)"
    }
  }
}

/// JSON of somebody else's, to be completed: any order of members will do.
struct ForeignJSON: Decodable {
  var node: MarkerNode

  init(from decoder: any Decoder) throws {
    if let container = try? decoder.container(keyedBy: AnyName.self) {
      let names = container.allKeys.sorted { $0.stringValue < $1.stringValue }
      node = .object(try names.map { ($0.stringValue, try container.decode(ForeignJSON.self, forKey: $0).node) })
    } else if var list = try? decoder.unkeyedContainer() {
      var items: [String] = []
      while !list.isAtEnd {
        items.append(try list.decode(ForeignJSON.self).node.text(MarkerFilling(key: "", time: 0, unique: "")))
      }
      node = .json("[\(items.joined(separator: ","))]")
    } else {
      let container = try decoder.singleValueContainer()
      let scalar: Scalar
      if container.decodeNil() {
        scalar = .null
      } else if let value = try? container.decode(Bool.self) {
        scalar = .bool(value)
      } else if let value = try? container.decode(Int64.self) {
        scalar = .integer(value)
      } else if let value = try? container.decode(Double.self) {
        scalar = .double(value)
      } else {
        scalar = .string(try container.decode(String.self))
      }
      node = MarkerNode(scalar)
    }
  }

  private struct AnyName: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
  }
}
