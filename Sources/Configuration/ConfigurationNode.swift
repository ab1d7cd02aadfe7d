// A YAML document as nodes that know their line and column. YAML itself is read by Yams; scalars are kept as text, and it is the reader
// of a field who says what it should be, so `NO` is a country where a string is wanted and an error where a boolean is.

/// A place in a file; line and column count from 1.
public struct SourceLocation: Hashable, Comparable, Sendable {
  public var line: Int
  public var column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  public static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// A scalar as it stood in the file.
public struct ScalarNode: Sendable {
  public var text: String
  /// Quoted scalars, and block scalars, are always strings.
  public var isQuoted: Bool
  /// Where its first character stands, when the text stands in the file verbatim and on one line.
  public var verbatimLocation: SourceLocation?

  public init(text: String, isQuoted: Bool, verbatimLocation: SourceLocation? = nil) {
    self.text = text
    self.isQuoted = isQuoted
    self.verbatimLocation = verbatimLocation
  }
}

/// One node of a document.
public struct ConfigurationNode: Sendable {
  public indirect enum Content: Sendable {
    case scalar(ScalarNode)
    case sequence([ConfigurationNode])
    /// In the order of the file; keys are unique.
    case mapping([(key: ConfigurationNode, value: ConfigurationNode)])
  }

  public var content: Content
  public var location: SourceLocation

  public init(content: Content, location: SourceLocation) {
    self.content = content
    self.location = location
  }

  /// How a message names what was found: `a mapping`, `a list`, `'10x'`.
  public var foundText: String {
    switch content {
    case .scalar(let scalar): scalar.text.isEmpty && !scalar.isQuoted ? "nothing" : "'\(scalar.text)'"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }

  /// The text of a scalar, whatever its type.
  public var scalarText: String? {
    if case .scalar(let scalar) = content { scalar.text } else { nil }
  }

  /// A plain `null`, `~` or nothing at all.
  public var isNull: Bool {
    guard case .scalar(let scalar) = content, !scalar.isQuoted else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.text)
  }
}
