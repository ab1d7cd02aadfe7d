// The flat table of a schema's types: what the program does not write out in line, it passes over and turns into JSON by it.

import Base

extension AvroCompiler {
  /// Makes a node of each type, at the same number.
  mutating func makeNodes() {
    for type in schema.types {
      var node = AvroTypeNode(shape: .null, meaning: type.meaning)
      node.scale = Int32(type.scale)
      switch type.kind {
      case .null: break
      case .boolean: node.shape = .boolean
      case .int: node.shape = .int
      case .long: node.shape = .long
      case .float: node.shape = .float
      case .double: node.shape = .double
      case .bytes: node.shape = .bytes
      case .string: node.shape = .string
      case .fixed(let byteCount):
        node.shape = .fixed
        node.count = Int32(byteCount)
      case .enumeration(let symbols):
        node.shape = .enumeration
        node.count = Int32(symbols.count)
        node.firstText = Int32(texts.count)
        texts += symbols
      case .array(let items):
        node.shape = .array
        node.first = Int32(items)
      case .map(let values):
        node.shape = .map
        node.first = Int32(values)
      case .union(let branches):
        node.shape = .union
        node.count = Int32(branches.count)
        node.first = Int32(children.count)
        children += branches.map(Int32.init)
      case .record(let fields):
        node.shape = .record
        node.count = Int32(fields.count)
        node.first = Int32(children.count)
        node.firstText = Int32(texts.count)
        children += fields.map { Int32($0.type) }
        texts += fields.map { JSONText.quoted($0.name) + ":" }
      }
      nodes.append(node)
    }
    findEmptyTypes()
  }

  /// Marks what takes no bytes, from the inside out: a record is empty when all its fields are known to be.
  private mutating func findEmptyTypes() {
    var hasChanged = true
    while hasChanged {
      hasChanged = false
      for index in nodes.indices.reversed() where !nodes[index].isEmpty {
        let node = nodes[index]
        let isEmpty =
          switch node.shape {
          case .null: true
          case .fixed: node.count == 0
          case .record: children[Int(node.first)..<Int(node.first + node.count)].allSatisfy { nodes[Int($0)].isEmpty }
          default: false
          }
        if isEmpty {
          nodes[index].isEmpty = true
          hasChanged = true
        }
      }
    }
  }
}
