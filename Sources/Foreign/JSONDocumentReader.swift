// JSON (RFC 8259) into nodes with their line and column, as strict as the standard, with `//` and `/* */` comments where a format has
// them. YAML would read most of it too, but not escaped surrogate pairs, and it takes much for JSON that no other reader does.

import Configuration

/// What is wrong with a JSON text, and where.
struct JSONDocumentError: Error {
  var location: SourceLocation
  var message: String
}

/// Reads one JSON value.
struct JSONDocumentReader {
  static let nestingDepthMax = 100
  static let nodeCountMax = 2_000_000

  private let bytes: [UInt8]
  private let allowsComments: Bool
  private var position = 0
  private var line: Int
  /// The place `column` was last counted up to.
  private var counted = 0
  private var column = 1
  private var nodeCount = 0

  /// - Parameter line: The number of the first line.
  init(_ bytes: [UInt8], allowsComments: Bool = false, line: Int = 1) {
    self.bytes = bytes
    self.allowsComments = allowsComments
    self.line = line
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { (position, counted) = (3, 3) }
  }

  /// The value, and nothing behind it.
  static func read(_ bytes: [UInt8], allowsComments: Bool = false, line: Int = 1) throws(JSONDocumentError) -> ConfigurationNode {
    var reader = Self(bytes, allowsComments: allowsComments, line: line)
    let node = try reader.value(depth: 0)
    try reader.skipSpace()
    guard reader.position == bytes.count else { throw reader.error("expected the end of the file") }
    return node
  }

  // MARK: - Places

  private mutating func here() -> SourceLocation {
    while counted < position {
      // Continuation bytes belong to the character before them.
      if bytes[counted] == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if bytes[counted] & 0xc0 != 0x80 {
        column += 1
      }
      counted += 1
    }
    return SourceLocation(line: line, column: column)
  }

  private mutating func error(_ message: String) -> JSONDocumentError {
    let found = position < bytes.count ? ", found \(Self.name(of: bytes[position]))" : ", found the end of the file"
    return JSONDocumentError(location: here(), message: message + found)
  }

  private static func name(of byte: UInt8) -> String {
    switch byte {
    case 0x21...0x7e: "'\(Character(Unicode.Scalar(byte)))'"
    case 0x0a, 0x0d: "the end of the line"
    case 0x09: "a tab"
    case 0x20: "a space"
    default: "the byte 0x\(String(byte, radix: 16))"
    }
  }

  // MARK: - Values

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() throws(JSONDocumentError) {
    while let byte = next {
      switch byte {
      case 0x20, 0x09, 0x0a, 0x0d: position += 1
      case UInt8(ascii: "/") where allowsComments: try skipComment()
      default: return
      }
    }
  }

  private mutating func skipComment() throws(JSONDocumentError) {
    let rest = bytes[(position + 1)...]
    switch rest.first {
    case UInt8(ascii: "/"): position = rest.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
    case UInt8(ascii: "*"):
      var end = position + 2
      while end + 1 < bytes.count, bytes[end] != UInt8(ascii: "*") || bytes[end + 1] != UInt8(ascii: "/") { end += 1 }
      guard end + 1 < bytes.count else { throw error("expected '*/' to end the comment") }
      position = end + 2
    default: throw error("expected a value or a comment")
    }
  }

  private mutating func value(depth: Int) throws(JSONDocumentError) -> ConfigurationNode {
    try skipSpace()
    let location = here()
    nodeCount += 1
    guard depth <= Self.nestingDepthMax else {
      throw JSONDocumentError(location: location, message: "nested more than \(Self.nestingDepthMax) deep")
    }
    guard nodeCount <= Self.nodeCountMax else {
      throw JSONDocumentError(location: location, message: "more than \(Self.nodeCountMax) values")
    }
    switch next {
    case UInt8(ascii: "{"): return try object(location, depth: depth)
    case UInt8(ascii: "["): return try array(location, depth: depth)
    case UInt8(ascii: "\""):
      return ConfigurationNode(content: .scalar(ScalarNode(text: try string(), isQuoted: true)), location: location)
    case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
      return ConfigurationNode(content: .scalar(ScalarNode(text: try number(), isQuoted: false)), location: location)
    default:
      for literal in ["true", "false", "null"] where bytes[position...].starts(with: literal.utf8) {
        position += literal.utf8.count
        return ConfigurationNode(content: .scalar(ScalarNode(text: literal, isQuoted: false)), location: location)
      }
      throw error("expected a value")
    }
  }

  private mutating func object(_ location: SourceLocation, depth: Int) throws(JSONDocumentError) -> ConfigurationNode {
    var pairs: [(key: ConfigurationNode, value: ConfigurationNode)] = []
    var places: [String: SourceLocation] = [:]
    position += 1
    try skipSpace()
    if next == UInt8(ascii: "}") {
      position += 1
      return ConfigurationNode(content: .mapping([]), location: location)
    }
    while true {
      try skipSpace()
      let keyLocation = here()
      guard next == UInt8(ascii: "\"") else { throw error("expected a name in double quotes") }
      let name = try string()
      if let first = places.updateValue(keyLocation, forKey: name) {
        throw JSONDocumentError(location: keyLocation, message: "duplicate key '\(name)'; it stands first on line \(first.line)")
      }
      try skipSpace()
      guard next == UInt8(ascii: ":") else { throw error("expected ':' behind the name '\(name)'") }
      position += 1
      let key = ConfigurationNode(content: .scalar(ScalarNode(text: name, isQuoted: true)), location: keyLocation)
      pairs.append((key, try value(depth: depth + 1)))
      try skipSpace()
      switch next {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "}"):
        position += 1
        return ConfigurationNode(content: .mapping(pairs), location: location)
      default: throw error("expected ',' or '}'")
      }
    }
  }

  private mutating func array(_ location: SourceLocation, depth: Int) throws(JSONDocumentError) -> ConfigurationNode {
    var items: [ConfigurationNode] = []
    position += 1
    try skipSpace()
    if next == UInt8(ascii: "]") {
      position += 1
      return ConfigurationNode(content: .sequence([]), location: location)
    }
    while true {
      items.append(try value(depth: depth + 1))
      try skipSpace()
      switch next {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "]"):
        position += 1
        return ConfigurationNode(content: .sequence(items), location: location)
      default: throw error("expected ',' or ']'")
      }
    }
  }

  private mutating func number() throws(JSONDocumentError) -> String {
    let start = position
    func isDigit(_ byte: UInt8?) -> Bool { byte.map { (48...57).contains($0) } ?? false }
    func digits(_ reader: inout Self) throws(JSONDocumentError) {
      guard isDigit(reader.next) else { throw reader.error("expected a digit") }
      while isDigit(reader.next) { reader.position += 1 }
    }
    if next == UInt8(ascii: "-") { position += 1 }
    if next == UInt8(ascii: "0") {
      position += 1
      if isDigit(next) { throw error("expected no digit behind a leading 0") }
    } else {
      try digits(&self)
    }
    if next == UInt8(ascii: ".") {
      position += 1
      try digits(&self)
    }
    if let byte = next, byte | 0x20 == UInt8(ascii: "e") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try digits(&self)
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  // MARK: - Strings

  private mutating func string() throws(JSONDocumentError) -> String {
    position += 1
    var start = position
    var text = ""
    func take(_ reader: inout Self) throws(JSONDocumentError) {
      guard let piece = String(validating: reader.bytes[start..<reader.position], as: UTF8.self) else {
        throw JSONDocumentError(location: reader.here(), message: "the text is not UTF-8")
      }
      text += piece
    }
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        try take(&self)
        position += 1
        return text
      case UInt8(ascii: "\\"):
        try take(&self)
        position += 1
        text.unicodeScalars.append(try escape())
        start = position
      case 0..<0x20: throw error("expected the end of the text, which begins on the same line")
      default: position += 1
      }
    }
    throw error("expected '\"' to end the text")
  }

  private mutating func escape() throws(JSONDocumentError) -> Unicode.Scalar {
    guard let byte = next else { throw error("expected an escape") }
    let simple: [UInt8: Unicode.Scalar] = [
      UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/", UInt8(ascii: "b"): "\u{8}",
      UInt8(ascii: "f"): "\u{c}", UInt8(ascii: "n"): "\n", UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
    ]
    if let scalar = simple[byte] {
      position += 1
      return scalar
    }
    guard byte == UInt8(ascii: "u") else { throw error("expected one of \" \\ / b f n r t u behind '\\'") }
    position += 1
    let unit = try hexadecimal()
    guard (0xd800...0xdfff).contains(unit) else { return Unicode.Scalar(unit) ?? "\u{fffd}" }
    guard unit < 0xdc00, bytes[position...].starts(with: "\\u".utf8) else { return "\u{fffd}" }
    position += 2
    let low = try hexadecimal()
    guard (0xdc00...0xdfff).contains(low) else { return "\u{fffd}" }
    return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)) ?? "\u{fffd}"
  }

  private mutating func hexadecimal() throws(JSONDocumentError) -> UInt32 {
    guard position + 4 <= bytes.count,
      let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16),
      bytes[position] != UInt8(ascii: "+"), bytes[position] != UInt8(ascii: "-")
    else {
      throw error("expected four hexadecimal digits")
    }
    position += 4
    return value
  }
}
