// What the word tables give: `fake`, sentences, and the cities that places lie near.

import Configuration

extension SchemaReader {
  /// The most words of a sentence, and sentences of a text.
  private static let wordsMax: Int64 = 1000
  private static let sentencesMax: Int64 = 1000

  /// `de` or `[en, de]`; none where nothing is said, and nil where a locale is unknown.
  func locales(_ reader: MappingReader) -> [String]? {
    guard let node = reader.node("locale") else { return [] }
    let what = reader.what("locale")
    guard case .sequence = node.content else {
      return values.name(node, what, among: Vocabulary.locales).map { [$0] }
    }
    guard let items = values.list(node, what, min: 1) else { return nil }
    let locales = items.compactMap { values.name($0, "an item in \(what)", among: Vocabulary.locales) }
    return locales.count == items.count ? locales : nil
  }

  /// `fake: email`.
  func fake(_ node: ConfigurationNode, _ reader: MappingReader) -> FieldGenerator? {
    let kind = values.name(node, reader.what("fake"), among: Vocabulary.kinds)
    guard let locales = locales(reader), let kind else { return nil }
    return Vocabulary.generator(kind: kind, locales: locales)
  }

  /// `{ words: [5, 12] }`, `{ sentences: [1, 3] }` or both.
  func text(_ node: ConfigurationNode, _ reader: MappingReader) -> FieldGenerator? {
    let what = reader.what("text")
    let locales = locales(reader)
    guard let inner = MappingReader(node, what, values) else { return nil }
    let words = inner.node("words").map { counts($0, inner.what("words"), in: 1...Self.wordsMax) } ?? 5...12
    let sentences = inner.node("sentences").map { counts($0, inner.what("sentences"), in: 1...Self.sentencesMax) } ?? 1...1
    inner.finish()
    if inner.pairs.isEmpty {
      values.mismatch(node, what, expected: "a number of words or sentences, as in { words: [5, 12] }", code: "wrong-value")
      return nil
    }
    guard let words, let sentences, let locales else { return nil }
    let sentence = Vocabulary.sentence(words: words, locales: locales)
    if sentences == 1...1 { return .text(sentence) }
    return .text(sentence + [.repeated([.literal(" ")] + sentence, count: sentences.lowerBound - 1...sentences.upperBound - 1)])
  }
}
