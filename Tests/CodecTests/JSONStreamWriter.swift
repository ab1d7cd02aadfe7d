// Random streams of records as producers write them: a few shapes, each with its keys in one order, fields that come and go, values that
// change in length. What a learned skeleton has to be right about.

/// Writes the records of one stream.
struct JSONStreamWriter {
  indirect enum Shape {
    case flag, word, identifier, text, integer, decimal, anyNumber, nothing
    case list(Shape)
    case object([(key: String, shape: Shape, presence: Int)])
  }

  var writer: JSONWriter
  private var shapes: [Shape] = []
  private var separators = (comma: ",", colon: ":", brace: "")

  init(seed: UInt64) {
    writer = JSONWriter(generator: SeededGenerator(seed: seed))
    separators = writer.pick([(",", ":", ""), (",", ":", ""), (", ", ": ", ""), (" , ", " : ", "\n ")])
    shapes = (0..<writer.pick([1, 1, 2, 4])).map { _ in object(depth: 3) }
  }

  private mutating func object(depth: Int) -> Shape {
    let names = ["a", "b", "n", "c", "ts", "user_id", "é", "", "a_rather_long_key_in_an_object_that_needs_pieces", "k9"]
      .shuffled(using: &writer.generator)
    return .object(
      names.prefix(writer.pick([1, 2, 4, 8])).map {
        (key: $0, shape: shape(depth: depth - 1), presence: writer.pick([100, 100, 95, 50]))
      })
  }

  private mutating func shape(depth: Int) -> Shape {
    switch writer.pick([0, 1, 1, 2, 2, 3, 4, 4, 5, 6, 7, 8, 9, 9]) {
    case 0: .flag
    case 1: .word
    case 2: .identifier
    case 3: .text
    case 4: .integer
    case 5: .decimal
    case 6: .anyNumber
    case 7: .nothing
    case 8 where depth > 0: .list(shape(depth: depth - 1))
    case 9 where depth > 0: object(depth: depth)
    default: .integer
    }
  }

  /// A record: of one of the stream's shapes, sometimes of none, sometimes damaged.
  mutating func record(damaged: Bool = false, foreign: Bool = false) -> [UInt8] {
    writer.text = ""
    if foreign { writer.object(3) } else { write(writer.pick(shapes)) }
    var record = Array(writer.text.utf8)
    if damaged { writer.damage(&record) }
    return record
  }

  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &writer.generator) < percent }

  private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &writer.generator) }

  private mutating func write(_ shape: Shape) {
    if chance(3) {
      writer.text += "null"
      return
    }
    if chance(1) { return writer.value(2) }
    switch shape {
    case .flag: writer.text += writer.pick(["true", "false"])
    case .word: writer.text += "\"" + writer.pick(["ios", "android", "web", "", "Product List Viewed"]) + "\""
    case .identifier: writer.text += "\"" + String(writer.generator.next() | 1 << 63, radix: 16) + "\""
    case .text:
      writer.string((0..<number(0...12)).map { _ in writer.pick(["word", " ", "é", "日", "x", "\"", "0123456"]) }.joined())
    case .integer: writer.text += "\(number(0...writer.pick([9, 99, 100_000, 12_345_678, 1_767_225_600_000, 1 << 62])))"
    case .decimal:
      writer.text += "\(number(0...writer.pick([9, 300, 1 << 40]))).\(number(10...99))\(writer.pick(["", "", "000", "123456"]))"
    case .anyNumber:
      writer.text += writer.pick([
        "0", "-0", "-7", "0.5", "-0.25", "1e3", "1.5E-7", "00", "9223372036854775808", "1e400", "1.", "12",
      ])
    case .nothing: writer.text += writer.pick(["null", "{}", "[]", "[ ]"])
    case .list(let element):
      writer.text += "["
      for index in 0..<writer.pick([0, 1, 2, 5]) {
        if index > 0 { writer.text += separators.comma }
        write(element)
      }
      writer.text += "]"
    case .object(let fields):
      writer.text += "{" + separators.brace
      var isFirst = true
      var fields = fields
      if chance(2) { fields.shuffle(using: &writer.generator) }
      if chance(2), let field = fields.first { fields.append(field) }
      for field in fields where chance(field.presence) {
        if !isFirst { writer.text += separators.comma }
        isFirst = false
        writer.text += "\"\(field.key)\"\(separators.colon)"
        write(field.shape)
      }
      writer.text += separators.brace + "}"
    }
  }
}
