// A YAML document that is being written: ordered mappings, comments, and for each value the place in the foreign file that it stands for.
// The same tree is printed for people (`DocumentEmitter`) and read as a schema (`configurationNode`), so findings about a converted file
// name places in the file that was converted.

import Configuration

/// A value of a document that is being written.
public struct DocumentNode: Sendable {
  public indirect enum Content: Sendable {
    /// Quoted means that it is a text; it is printed in quotes only where it needs them.
    case scalar(ScalarNode)
    case sequence([DocumentNode])
    case mapping([DocumentEntry])
  }

  public var content: Content
  /// Where it comes from; nil for the place of the value around it.
  public var origin: SourceLocation?
  /// Never on one line, however short.
  public var isBlock: Bool

  public init(_ content: Content, origin: SourceLocation? = nil, isBlock: Bool = false) {
    self.content = content
    self.origin = origin
    self.isBlock = isBlock
  }
}

/// A name and its value in a mapping.
public struct DocumentEntry: Sendable {
  public var key: String
  public var value: DocumentNode
  /// Lines above it, without the `#`.
  public var comments: [String]
  /// Where the name comes from.
  public var origin: SourceLocation?

  public init(_ key: String, _ value: DocumentNode, comments: [String] = [], origin: SourceLocation? = nil) {
    self.key = key
    self.value = value
    self.comments = comments
    self.origin = origin
  }
}

extension DocumentNode {
  /// A text, whatever it looks like.
  static func text(_ text: String, origin: SourceLocation? = nil) -> Self {
    Self(.scalar(ScalarNode(text: text, isQuoted: true)), origin: origin)
  }

  /// A word of the language, a duration, a rate.
  static func word(_ text: String) -> Self { Self(.scalar(ScalarNode(text: text, isQuoted: false))) }
  static func integer(_ value: some BinaryInteger) -> Self { word(String(value)) }

  /// A finite number in its shortest form, whole ones without a fraction.
  static func number(_ value: Double) -> Self { word(numberText(value)) }

  static func list(_ items: [DocumentNode]) -> Self { Self(.sequence(items)) }
  static func mapping(_ entries: [DocumentEntry]) -> Self { Self(.mapping(entries)) }
  static func mapping(_ pairs: KeyValuePairs<String, DocumentNode>) -> Self { Self(.mapping(pairs.map { DocumentEntry($0, $1) })) }
  static func block(_ entries: [DocumentEntry]) -> Self { Self(.mapping(entries), isBlock: true) }
  /// `[low, high]`
  static func range(_ low: Double, _ high: Double) -> Self { list([number(low), number(high)]) }

  static func numberText(_ value: Double) -> String {
    precondition(value.isFinite, "a document holds finite numbers")
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    return "\(value)"
  }

  /// The value as a schema's reader takes it; `around` is the place of what holds it.
  public func configurationNode(around: SourceLocation = SourceLocation(line: 1, column: 1)) -> ConfigurationNode {
    let place = origin ?? around
    switch content {
    case .scalar(let scalar): return ConfigurationNode(content: .scalar(scalar), location: place)
    case .sequence(let items):
      return ConfigurationNode(content: .sequence(items.map { $0.configurationNode(around: place) }), location: place)
    case .mapping(let entries):
      let pairs = entries.map { entry in
        let keyPlace = entry.origin ?? entry.value.origin ?? place
        let key = ConfigurationNode(content: .scalar(ScalarNode(text: entry.key, isQuoted: true)), location: keyPlace)
        return (key: key, value: entry.value.configurationNode(around: keyPlace))
      }
      return ConfigurationNode(content: .mapping(pairs), location: place)
    }
  }
}
