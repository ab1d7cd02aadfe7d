// A document as YAML text for people: two spaces per level, short values on one line, comments above what they speak of. Texts are quoted
// where this program or a reader of YAML 1.1 would take them for something else, as JSON strings, which YAML 1.2 takes as they are.

import Base
import Configuration

/// Prints documents.
public struct DocumentEmitter {
  /// Lines end before this column where they can.
  static let width = 120

  private var text = ""

  private init() {}

  /// The text of a document whose root is a mapping; `heading` is a comment on top.
  public static func text(of root: DocumentNode, heading: [String] = []) -> String {
    var emitter = Self()
    for line in heading { emitter.comment(line, indent: 0) }
    if case .mapping(let entries) = root.content { emitter.block(entries, indent: 0) }
    return emitter.text
  }

  // MARK: - Blocks

  private mutating func comment(_ line: String, indent: Int) {
    text += String(repeating: " ", count: indent) + (line.isEmpty ? "#" : "# " + Self.onOneLine(line)) + "\n"
  }

  /// What comes from a file may hold line ends, which would end a comment.
  private static func onOneLine(_ line: String) -> String {
    String(
      line.unicodeScalars.map { $0.value < 0x20 || $0 == "\u{85}" || $0 == "\u{2028}" || $0 == "\u{2029}" ? " " : Character($0) })
  }

  private mutating func block(_ entries: [DocumentEntry], indent: Int) {
    for entry in entries {
      for line in entry.comments { comment(line, indent: indent) }
      text += String(repeating: " ", count: indent) + Self.key(entry.key) + ":"
      value(entry.value, indent: indent)
    }
  }

  /// A value behind a key, up to the end of its last line.
  private mutating func value(_ node: DocumentNode, indent: Int) {
    let lineStart = text.utf8.lastIndex(of: UInt8(ascii: "\n")).map { text.utf8.index(after: $0) } ?? text.startIndex
    let used = text[lineStart...].count
    if !Self.needsBlock(node) {
      let flow = Self.flow(node)
      if used + 1 + flow.count <= Self.width || !Self.canBeBlock(node) {
        text += " " + flow + "\n"
        return
      }
    }
    switch node.content {
    case .scalar: text += " " + Self.flow(node) + "\n"
    case .mapping(let entries):
      text += "\n"
      block(entries, indent: indent + 2)
    case .sequence(let items):
      text += "\n"
      if items.allSatisfy({ if case .scalar = $0.content { true } else { false } }) {
        wrapped(items, indent: indent + 2)
      } else {
        for item in items { self.item(item, indent: indent + 2) }
      }
    }
  }

  /// `- item`, where a mapping's first key stands behind the dash.
  private mutating func item(_ node: DocumentNode, indent: Int) {
    let flow = Self.flow(node)
    guard case .mapping(let entries) = node.content, !entries.isEmpty, Self.needsBlock(node) || indent + 2 + flow.count > Self.width
    else {
      text += String(repeating: " ", count: indent) + "- " + flow + "\n"
      return
    }
    let start = text.endIndex
    block(entries, indent: indent + 2)
    let dash = text.index(start, offsetBy: indent)
    text.replaceSubrange(dash..<text.index(after: dash), with: "-")
  }

  /// Scalars in brackets over several lines.
  private mutating func wrapped(_ items: [DocumentNode], indent: Int) {
    let margin = String(repeating: " ", count: indent)
    var line = margin + "["
    for (index, item) in items.enumerated() {
      let piece = Self.flow(item) + (index == items.count - 1 ? "]" : ",")
      if line.count + 1 + piece.count > Self.width, line.count > indent + 1 {
        text += line + "\n"
        line = margin + " "
      } else if index > 0 {
        line += " "
      }
      line += piece
    }
    text += line + "\n"
  }

  // MARK: - Flow

  private static func canBeBlock(_ node: DocumentNode) -> Bool {
    switch node.content {
    case .scalar: false
    case .sequence(let items): !items.isEmpty
    case .mapping(let entries): !entries.isEmpty
    }
  }

  /// Whether it, or a part of it, cannot stand on one line.
  private static func needsBlock(_ node: DocumentNode) -> Bool {
    if node.isBlock && canBeBlock(node) { return true }
    switch node.content {
    case .scalar: return false
    case .sequence(let items): return items.contains(where: needsBlock)
    case .mapping(let entries): return entries.contains { !$0.comments.isEmpty || needsBlock($0.value) }
    }
  }

  private static func flow(_ node: DocumentNode) -> String {
    switch node.content {
    case .scalar(let scalar): return self.scalar(scalar)
    case .sequence(let items): return "[" + items.map(flow).joined(separator: ", ") + "]"
    case .mapping(let entries):
      if entries.isEmpty { return "{}" }
      return "{ " + entries.map { key($0.key) + ": " + flow($0.value) }.joined(separator: ", ") + " }"
    }
  }

  // MARK: - Scalars

  /// A name, quoted where it has to be. Names are never filled in from the environment.
  static func key(_ text: String) -> String { isPlain(text) ? text : quoted(text) }

  static func scalar(_ scalar: ScalarNode) -> String {
    // `${` would be a variable.
    let text = scalar.text.replacing("${", with: "$${")
    return !scalar.isQuoted || isPlain(text) ? text : quoted(text)
  }

  /// Whether a text means itself without quotes, also inside brackets and to readers of YAML 1.1.
  private static func isPlain(_ text: String) -> Bool {
    guard text.utf8.count <= 100, let first = text.utf8.first, let last = text.utf8.last else { return false }
    guard isLetter(first) || first == UInt8(ascii: "_") || first == UInt8(ascii: "/"), last != UInt8(ascii: " ") else {
      return false
    }
    let marks = Set("_-./ @+=%".utf8)
    guard text.utf8.allSatisfy({ isLetter($0) || (48...57).contains($0) || marks.contains($0) }) else { return false }
    return !["true", "false", "null", "yes", "no", "on", "off"].contains(text.lowercased())
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte) || (97...122).contains(byte) }

  /// A JSON string, with what YAML does not allow in a stream escaped too.
  private static func quoted(_ text: String) -> String {
    var result = ""
    for scalar in JSONText.quoted(text).unicodeScalars {
      let isForbidden =
        (0x7f...0x9f).contains(scalar.value) || scalar == "\u{2028}" || scalar == "\u{2029}" || scalar == "\u{feff}"
        || (0xfffe...0xffff).contains(scalar.value)
      if isForbidden {
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
