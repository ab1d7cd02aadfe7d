// One JSON value as a person reads it: indented, keys in their order, numbers as they were written, small objects and lists on one line, in
// colours where wanted. The value is parsed into a tree of places first, so that what is not JSON is told apart and left as it is.

/// Prints JSON values, each as one text.
public struct JSONPrettyPrinter: Sendable {
  /// What stands around the parts of a value: escape sequences, or nothing.
  public struct Style: Sendable {
    public var name: String
    public var text: String
    public var number: String
    public var literal: String
    public var reset: String

    public static let plain = Style(name: "", text: "", number: "", literal: "", reset: "")
    /// ANSI colours that can be read on light and dark grounds.
    public static let colored = Style(
      name: "\u{1b}[36m", text: "\u{1b}[32m", number: "\u{1b}[33m", literal: "\u{1b}[35m", reset: "\u{1b}[0m")
  }

  public var style: Style
  /// Columns that an object or a list on one line may fill.
  public var width: Int

  /// Deeper values are not printed but refused, as everything else that is not JSON is.
  static let depthMax = 128

  public init(style: Style = .plain, width: Int = 100) {
    self.style = style
    self.width = width
  }

  /// Lines without the last one's end; nil where the bytes are not one JSON value.
  public func text(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
    var parser = Parser(bytes: bytes)
    guard let root = parser.value(depth: 0), parser.isAtEnd else { return nil }
    var lines = ""
    write(root, indent: 0, isRoot: true, bytes, into: &lines)
    return lines
  }

  // MARK: - Layout

  private indirect enum Node {
    case scalar(Range<Int>, Kind)
    case array([Node])
    case object([(name: Range<Int>, value: Node)])

    enum Kind {
      case text
      case number
      case literal
    }

    /// Columns on one line; nil for what holds an object or a list with something in it.
    var flatWidth: Int? {
      switch self {
      case .scalar(let range, _): range.count
      case .array(let items): Self.sum(items.map { ($0, 0) })
      case .object(let members): Self.sum(members.map { ($0.value, $0.name.count + 2) })
      }
    }

    private static func sum(_ parts: [(node: Node, extra: Int)]) -> Int? {
      var width = 4
      for (node, extra) in parts {
        switch node {
        case .scalar(let range, _): width += range.count + extra + 2
        case .array(let items) where items.isEmpty: width += 4 + extra
        case .object(let members) where members.isEmpty: width += 4 + extra
        default: return nil
        }
      }
      return width
    }
  }

  private func write(_ node: Node, indent: Int, isRoot: Bool, _ bytes: UnsafeBufferPointer<UInt8>, into lines: inout String) {
    switch node {
    case .scalar(let range, let kind):
      let color =
        switch kind {
        case .text: style.text
        case .number: style.number
        case .literal: style.literal
        }
      lines += color + String(decoding: bytes[range], as: UTF8.self) + style.reset
    case .array(let items):
      let parts = items.map { (name: Range<Int>?.none, value: $0) }
      write(parts, "[", "]", node, indent, isRoot, bytes, into: &lines)
    case .object(let members):
      let parts = members.map { (name: Range<Int>?.some($0.name), value: $0.value) }
      write(parts, "{", "}", node, indent, isRoot, bytes, into: &lines)
    }
  }

  private func write(
    _ parts: [(name: Range<Int>?, value: Node)], _ open: String, _ close: String, _ node: Node, _ indent: Int, _ isRoot: Bool,
    _ bytes: UnsafeBufferPointer<UInt8>, into lines: inout String
  ) {
    guard !parts.isEmpty else {
      lines += open + close
      return
    }
    let isFlat = !isRoot && (node.flatWidth.map { $0 + indent <= width } ?? false)
    let isBrace = open == "{"
    lines += open + (isFlat && isBrace ? " " : "")
    for (index, part) in parts.enumerated() {
      if index > 0 { lines += isFlat ? ", " : "," }
      if !isFlat { lines += "\n" + String(repeating: " ", count: indent + 2) }
      if let name = part.name {
        lines += style.name + String(decoding: bytes[name], as: UTF8.self) + style.reset + ": "
      }
      write(part.value, indent: indent + 2, isRoot: false, bytes, into: &lines)
    }
    if !isFlat { lines += "\n" + String(repeating: " ", count: indent) }
    lines += (isFlat && isBrace ? " " : "") + close
  }

  // MARK: - Parsing

  private struct Parser {
    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0

    var isAtEnd: Bool {
      mutating get {
        skipSpace()
        return position == bytes.count
      }
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
      while let byte = current, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
      skipSpace()
      guard current == byte else { return false }
      position += 1
      return true
    }

    mutating func value(depth: Int) -> Node? {
      guard depth < JSONPrettyPrinter.depthMax else { return nil }
      skipSpace()
      switch current {
      case UInt8(ascii: "{"): return object(depth: depth)
      case UInt8(ascii: "["): return array(depth: depth)
      case UInt8(ascii: "\""): return string().map { .scalar($0, .text) }
      case UInt8(ascii: "t"): return literal("true")
      case UInt8(ascii: "f"): return literal("false")
      case UInt8(ascii: "n"): return literal("null")
      default: return number()
      }
    }

    private mutating func object(depth: Int) -> Node? {
      position += 1
      var members: [(name: Range<Int>, value: Node)] = []
      if take(UInt8(ascii: "}")) { return .object([]) }
      repeat {
        skipSpace()
        guard current == UInt8(ascii: "\""), let name = string(), take(UInt8(ascii: ":")), let value = value(depth: depth + 1)
        else {
          return nil
        }
        members.append((name, value))
      } while take(UInt8(ascii: ","))
      return take(UInt8(ascii: "}")) ? .object(members) : nil
    }

    private mutating func array(depth: Int) -> Node? {
      position += 1
      var items: [Node] = []
      if take(UInt8(ascii: "]")) { return .array([]) }
      repeat {
        guard let value = value(depth: depth + 1) else { return nil }
        items.append(value)
      } while take(UInt8(ascii: ","))
      return take(UInt8(ascii: "]")) ? .array(items) : nil
    }

    /// With its quotes.
    private mutating func string() -> Range<Int>? {
      let start = position
      position += 1
      while let byte = current {
        position += 1
        if byte == UInt8(ascii: "\"") { return start..<position }
        if byte < 0x20 { return nil }
        if byte == UInt8(ascii: "\\") { position += 1 }
      }
      return nil
    }

    private mutating func literal(_ word: StaticString) -> Node? {
      let start = position
      for index in 0..<word.utf8CodeUnitCount {
        guard current == word.utf8Start[index] else { return nil }
        position += 1
      }
      return .scalar(start..<position, .literal)
    }

    private mutating func number() -> Node? {
      let start = position
      var digitCount = 0
      while let byte = current {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digitCount += 1
        case UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): break
        default: return digitCount > 0 ? .scalar(start..<position, .number) : nil
        }
        position += 1
      }
      return digitCount > 0 ? .scalar(start..<position, .number) : nil
    }
  }
}
