// A field while a foreign file is converted: its generator with the settings beside it, and whether it may be null or missing.

import Configuration

struct FieldSketch {
  /// The generator first, then what belongs to it.
  var settings: [DocumentEntry]
  var optional = 0.0
  var nullable = 0.0
  /// Lines above the field.
  var comments: [String] = []
  var origin: SourceLocation?

  init(_ settings: KeyValuePairs<String, DocumentNode>) { self.settings = settings.map { DocumentEntry($0, $1) } }

  static func fake(_ kind: String) -> Self { Self(["fake": .word(kind)]) }

  static func object(_ fields: [DocumentEntry]) -> Self {
    // An object of several fields reads better as a block.
    Self(["object": DocumentNode(.mapping(fields), isBlock: fields.count > 3)])
  }

  static func constant(_ value: DocumentNode) -> Self { Self(["const": value]) }

  /// One of these scalars; those that stand there several times get their weight.
  static func choice(_ values: [DocumentNode], weights: [Double]? = nil) -> Self {
    var kept: [(value: DocumentNode, weight: Double)] = []
    var indices: [String: Int] = [:]
    for (index, value) in values.enumerated() {
      guard case .scalar(let scalar) = value.content else { continue }
      let weight = weights?[index] ?? 1
      let key = (scalar.isQuoted ? "t" : "v") + scalar.text
      if let known = indices[key] {
        kept[known].weight += weight
      } else {
        indices[key] = kept.count
        kept.append((value, weight))
      }
    }
    var sketch = Self(["choice": .list(kept.map(\.value))])
    if kept.contains(where: { $0.weight != kept[0].weight }) {
      sketch.settings.append(DocumentEntry("weights", .list(kept.map { .number($0.weight) })))
    }
    return sketch
  }

  /// The value of a field's name.
  var fieldNode: DocumentNode { node(isField: true) }

  /// The generator where no field is: an item of a list, a branch, a value of a map. It cannot be left out there.
  var itemNode: DocumentNode { node(isField: false) }

  private func node(isField: Bool) -> DocumentNode {
    var entries = settings
    if isField, optional > 0 { entries.append(DocumentEntry("optional", .number(Self.rounded(optional)))) }
    if nullable > 0 { entries.append(DocumentEntry("nullable", .number(Self.rounded(nullable)))) }
    return DocumentNode(.mapping(entries), origin: origin)
  }

  func entry(_ name: String, origin: SourceLocation? = nil) -> DocumentEntry {
    DocumentEntry(name, fieldNode, comments: comments, origin: origin ?? self.origin)
  }

  /// Four digits say enough about a share.
  static func rounded(_ share: Double) -> Double { max(0.0001, (share * 10_000).rounded() / 10_000) }
}
