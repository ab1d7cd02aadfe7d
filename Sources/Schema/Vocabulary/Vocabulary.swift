// The word tables behind `fake:`, `geo: cities` and `text:`: names, places, companies, browsers. Everything is expressed in the model's own terms,
// so that whoever generates knows nothing of it. Several locales: one is chosen for each value, and all of the value comes from it.

public enum Vocabulary {
  /// What `fake:` may name.
  public static let kinds: [String] = localKinds + globalKinds

  /// Kinds that differ by locale.
  static let localKinds = [
    "name", "first_name", "last_name", "email", "user_name", "phone", "address", "street", "city", "region", "postcode", "country",
    "company", "company_email", "job", "product", "color", "word", "greeting", "ssn",
  ]

  /// Kinds that are the same everywhere.
  static let globalKinds = [
    "country_code", "currency", "currency_name", "user_agent", "bot_user_agent", "url", "referrer", "domain", "path", "mac",
    "password", "query_string", "language", "timezone", "ipv4",
  ]

  public static let locales: [String] = tables.map(\.code)

  static let tables: [LocaleWords] = [.english, .german, .french, .spanish, .italian, .portuguese, .japanese, .indian]

  /// Texts of that kind, in one of the locales each time (`en` where none is given); nil where the kind or a locale is unknown.
  public static func generator(kind: String, locales: [String]) -> FieldGenerator? {
    guard let chosen = words(locales) else { return nil }
    if let everywhere = GlobalWords.generator(kind: kind) { return everywhere }
    let generators = chosen.compactMap { $0.generator(kind: kind) }
    guard let first = generators.first else { return nil }
    return generators.count == 1 ? first : .oneOf(generators.map { ($0, 1) })
  }

  /// The cities of the locales (`en` where none is given), in degrees north and east; unknown locales have none.
  public static func cities(locales: [String]) -> [(name: String, latitude: Double, longitude: Double)] {
    let codes = locales.isEmpty ? ["en"] : locales
    return tables.filter { codes.contains($0.code) }.flatMap(\.cities).map { ($0.name, $0.latitude, $0.longitude) }
  }

  /// A sentence of so many words (at least one) in one of the locales, `en` where none is given or known.
  public static func sentence(words count: ClosedRange<Int>, locales: [String]) -> [TextPiece] {
    let chosen = words(locales) ?? [.english]
    let sentences = chosen.map { $0.sentence(words: count) }
    return sentences.count == 1 ? sentences[0] : [.alternatives(sentences, weights: sentences.map { _ in 1 })]
  }

  /// The tables of these locales, each once; nil where one is unknown.
  private static func words(_ locales: [String]) -> [LocaleWords]? {
    guard locales.allSatisfy({ code in tables.contains { $0.code == code } }) else { return nil }
    return locales.isEmpty ? [.english] : tables.filter { locales.contains($0.code) }
  }
}

/// What builds texts.
extension TextPiece {
  /// One of the words; `weights` as many, or evenly.
  static func word(_ words: [String], weights: [Double]? = nil) -> TextPiece {
    .value(.words(words, weights: weights))
  }

  static func number(_ range: ClosedRange<Int64>) -> TextPiece { .value(.integer(range)) }

  static func digits(_ count: Int) -> TextPiece { .characters(Array("0123456789"), count: count...count) }

  /// `#` is a digit, `@` a capital letter; everything else is itself.
  static func pattern(_ pattern: String) -> [TextPiece] {
    var pieces: [TextPiece] = []
    var rest = pattern[...]
    while let first = rest.first {
      let run = rest.prefix { $0 == first }
      switch first {
      case "#": pieces.append(.digits(run.count))
      case "@": pieces.append(.characters(Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), count: run.count...run.count))
      default:
        let literal = rest.prefix { $0 != "#" && $0 != "@" }
        pieces.append(.literal(String(literal)))
        rest = rest.dropFirst(literal.count)
        continue
      }
      rest = rest.dropFirst(run.count)
    }
    return pieces
  }
}

extension FieldGenerator {
  static func words(_ words: [String], weights: [Double]? = nil) -> FieldGenerator {
    .choice(words.map { .string($0) }, weights: weights ?? words.map { _ in 1 })
  }
}
