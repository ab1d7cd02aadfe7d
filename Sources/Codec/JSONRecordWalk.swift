// Cuts a valid record into steps: at each value that is not part of its literal (strings and numbers), at each `true`, `false`, `null` and
// empty object or array, and where a literal grows longer than a step holds. Cold.

import Records

/// One walk through one record, which the general scanner has found valid.
struct JSONRecordWalk {
  /// A step, and the place behind its value.
  struct Token {
    var step: JSONStep
    var place: Int
  }

  static let tokenCountMax = 512
  static let depthMax = 16

  private struct Container {
    var isObject: Bool
    var place: Int
    /// The wanted object that this is, or -1.
    var node: Int32
    /// The keys that were met.
    var keys: Set<[UInt8]> = []
  }

  private(set) var tokens: [Token] = []
  private let record: UnsafeBufferPointer<UInt8>
  private let skeleton: JSONSkeleton
  private var cursor = 0
  private var literalStart = 0
  /// Behind the last value, or the last piece of a literal.
  private var place = 0
  /// The bits of the wanted objects that the literal opens.
  private var opened: UInt64 = 0
  private var containers: [Container] = []

  init(_ record: UnsafeBufferPointer<UInt8>, skeleton: JSONSkeleton) {
    self.record = record
    self.skeleton = skeleton
  }

  /// False where the record is left to the general scanner: keys with escapes or that stand twice, wanted objects and arrays as
  /// values, great depth or length.
  mutating func run() -> Bool {
    skipWhitespace()
    open(Container(isObject: true, place: 0, node: 0))
    while let container = containers.last {
      guard containers.count <= Self.depthMax, tokens.count < Self.tokenCountMax else { return false }
      skipWhitespace()
      if record[cursor] == UInt8(ascii: ",") {
        cursor += 1
        skipWhitespace()
      }
      if record[cursor] == (container.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
        cursor += 1
        containers.removeLast()
      } else if container.isObject {
        guard let key = key(), containers[containers.count - 1].keys.insert(key).inserted else { return false }
        let (column, child) = container.node >= 0 ? skeleton.wanted(key, in: container.node) : (-1, -1)
        let place = skeleton.number(of: JSONSkeleton.Place(parent: container.place, kind: .key, name: key))
        guard value(at: place, column, child) else { return false }
      } else {
        let place = skeleton.number(of: JSONSkeleton.Place(parent: container.place, kind: .elements))
        guard value(at: place, -1, -1) else { return false }
      }
    }
    skipWhitespace()
    // The place behind the end is never looked up.
    endLiteral(.end, place: -1)
    return true
  }

  private mutating func skipWhitespace() {
    while cursor < record.count, record[cursor] <= 0x20 { cursor += 1 }
  }

  private mutating func open(_ container: Container) {
    cursor += 1
    containers.append(container)
  }

  /// Passes a key, its colon and the white space around that; nil where it has escapes.
  private mutating func key() -> [UInt8]? {
    cursor += 1
    let start = cursor
    while record[cursor] != UInt8(ascii: "\"") {
      guard record[cursor] != UInt8(ascii: "\\") else { return nil }
      cursor += 1
    }
    let key = Array(record[start..<cursor])
    cursor += 1
    skipWhitespace()
    cursor += 1
    skipWhitespace()
    return key
  }

  /// Passes a value, or the bracket that opens it.
  private mutating func value(at valuePlace: Int, _ column: Int32, _ child: Int32) -> Bool {
    if child >= 0 {
      guard let bit = skeleton.bit(of: child) else { return false }
      opened |= bit
    }
    let start = cursor
    switch record[cursor] {
    case UInt8(ascii: "\""):
      cursor += 1
      endLiteral(.string, column, place: skeleton.number(of: JSONSkeleton.Place(parent: valuePlace, kind: .behindString)))
      while record[cursor] != UInt8(ascii: "\"") { cursor += record[cursor] == UInt8(ascii: "\\") ? 2 : 1 }
      tokens[tokens.count - 1].step.valueCount = Int32(truncatingIfNeeded: cursor - literalStart)
      // The closing quote belongs to the next literal.
      literalStart = cursor
      cursor += 1
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard column < 0 else { return false }
      let isObject = record[cursor] == UInt8(ascii: "{")
      open(Container(isObject: isObject, place: valuePlace, node: isObject ? child : -1))
      skipWhitespace()
      // Closing brackets are their opening ones plus 2.
      if record[cursor] == record[start] &+ 2 {
        cursor += 1
        containers.removeLast()
        endLiteral(.nothing, place: valuePlace)
      }
    case UInt8(ascii: "t"):
      cursor += 4
      endLiteral(column >= 0 ? .true : .nothing, column, place: valuePlace)
    case UInt8(ascii: "f"):
      cursor += 5
      endLiteral(column >= 0 ? .false : .nothing, column, place: valuePlace)
    case UInt8(ascii: "n"):
      cursor += 4
      endLiteral(column >= 0 ? .null : .nothing, column, place: valuePlace)
    default:
      endLiteral(.number, column, place: valuePlace)
      while Self.belongsToNumber(record[cursor]) { cursor += 1 }
      tokens[tokens.count - 1].step.expect(number: UnsafeBufferPointer(rebasing: record[start..<cursor]))
      literalStart = cursor
    }
    return true
  }

  private static func belongsToNumber(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): true
    default: false
    }
  }

  /// Ends the literal at the cursor: as one step, or as several where it is long.
  private mutating func endLiteral(_ kind: JSONStep.Kind, _ column: Int32 = -1, place valuePlace: Int) {
    while cursor - literalStart > JSONStep.literalCountMax {
      let piece = UnsafeBufferPointer(rebasing: record[literalStart..<literalStart + JSONStep.literalCountMax])
      place = skeleton.number(of: JSONSkeleton.Place(parent: place, kind: .pieceOfLiteral, name: Array(piece)))
      tokens.append(Token(step: JSONStep(.nothing, literal: piece), place: place))
      literalStart += JSONStep.literalCountMax
    }
    let literal = UnsafeBufferPointer(rebasing: record[literalStart..<cursor])
    tokens.append(Token(step: JSONStep(kind, literal: literal, column: column, opened: opened), place: valuePlace))
    opened = 0
    place = valuePlace
    literalStart = cursor
  }
}
