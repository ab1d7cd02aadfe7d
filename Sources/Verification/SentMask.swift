// Bytes of a record without the times at which it was sent: in real time no seed knows them. The fields that say them are found by walking the
// JSON text; everything else is compared byte for byte.

import Base
import Schema

struct SentMask {
  private let paths: [[[UInt8]]]

  /// Whether any record says when it was sent.
  var isEmpty: Bool { paths.isEmpty }

  init(_ schema: EventSchema) {
    var found: [[String]] = []
    func visit(_ fields: [FieldDefinition], _ path: [String]) {
      for field in fields {
        if case .object(let inner) = field.generator { visit(inner, path + [field.name]) }
        if case .time(.sent, _) = field.generator, !found.contains(path + [field.name]) { found.append(path + [field.name]) }
      }
    }
    for event in schema.events {
      visit(event.fields, [])
      // In the envelope of a CloudEvent.
      if schema.outputs[event.output].format == .cloudevents { visit(event.fields, ["data"]) }
    }
    paths = found.map { $0.map { Array(JSONText.quoted($0).utf8) } }
  }

  /// Copies a record of compact JSON without the values of the masked fields; nil where it cannot be walked.
  func copy(_ value: UnsafeBufferPointer<UInt8>, to out: ByteBuffer) -> Bool {
    out.removeAll()
    var walk = Walk(value: value, out: out, paths: paths)
    return walk.value(level: 0, candidates: Array(paths.indices)) && walk.cursor == value.count
  }

  private struct Walk {
    let value: UnsafeBufferPointer<UInt8>
    let out: ByteBuffer
    let paths: [[[UInt8]]]
    var cursor = 0
    /// Within a masked value.
    var isMasked = false

    /// Passes one value. `candidates` are the paths whose first `level` names lead here.
    mutating func value(level: Int, candidates: [Int]) -> Bool {
      guard cursor < value.count, level < 256 else { return false }
      switch value[cursor] {
      case UInt8(ascii: "{"): return object(level, candidates)
      case UInt8(ascii: "["):
        // Nothing in a list is masked: its end is where the brackets even out.
        var depth = 0
        repeat {
          guard cursor < value.count else { return false }
          if value[cursor] == UInt8(ascii: "\"") {
            guard string() else { return false }
            continue
          }
          if value[cursor] == UInt8(ascii: "[") || value[cursor] == UInt8(ascii: "{") { depth += 1 }
          if value[cursor] == UInt8(ascii: "]") || value[cursor] == UInt8(ascii: "}") { depth -= 1 }
          take()
        } while depth > 0
        return true
      case UInt8(ascii: "\""): return string()
      default:
        let start = cursor
        while cursor < value.count, ![44, 125, 93].contains(value[cursor]) { take() }
        return cursor > start
      }
    }

    private mutating func object(_ level: Int, _ candidates: [Int]) -> Bool {
      take()
      if cursor < value.count, value[cursor] == UInt8(ascii: "}") {
        take()
        return true
      }
      while cursor < value.count {
        let start = cursor
        guard value[cursor] == UInt8(ascii: "\""), string(), cursor < value.count, value[cursor] == UInt8(ascii: ":") else {
          return false
        }
        let name = value[start..<cursor]
        take()
        let matching = candidates.filter { paths[$0].count > level && paths[$0][level].elementsEqual(name) }
        let masks = matching.contains { paths[$0].count == level + 1 }
        let before = isMasked
        isMasked = isMasked || masks
        guard self.value(level: level + 1, candidates: matching), cursor < value.count else { return false }
        isMasked = before
        let isEnd = value[cursor] == UInt8(ascii: "}")
        guard isEnd || value[cursor] == UInt8(ascii: ",") else { return false }
        take()
        if isEnd { return true }
      }
      return false
    }

    private mutating func string() -> Bool {
      take()
      while cursor < value.count {
        if value[cursor] == UInt8(ascii: "\"") {
          take()
          return true
        }
        if value[cursor] == UInt8(ascii: "\\") { take() }
        if cursor < value.count { take() }
      }
      return false
    }

    private mutating func take() {
      if !isMasked { out.append(value[cursor]) }
      cursor += 1
    }
  }
}
