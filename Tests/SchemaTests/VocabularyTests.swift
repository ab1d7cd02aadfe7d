// The word tables: every kind in every locale, expanded by a small sampler of texts, held against what the kind promises.

import Base
import Foundation
import Testing

@testable import Schema

/// A text of a generator that is made of texts, choices and whole numbers, as the vocabulary's all are; nil for any other.
func sampleText(_ generator: FieldGenerator, _ random: inout Random) -> String? {
  switch generator {
  case .const(.string(let text)): return text
  case .choice(let values, let weights):
    guard values.count == weights.count, weights.allSatisfy({ $0 > 0 }) else { return nil }
    switch values[AliasTable(weights: weights).sample(&random)] {
    case .string(let text): return text
    case .integer(let value): return String(value)
    default: return nil
    }
  case .integer(let range): return String(random.integer(in: range))
  case .oneOf(let options):
    guard options.allSatisfy({ $0.weight > 0 }) else { return nil }
    return sampleText(options[AliasTable(weights: options.map(\.weight)).sample(&random)].generator, &random)
  case .text(let pieces): return sampleText(pieces, &random)
  default: return nil
  }
}

func sampleText(_ pieces: [TextPiece], _ random: inout Random) -> String? {
  var text = ""
  for piece in pieces {
    let part: String?
    switch piece {
    case .literal(let literal): part = literal
    case .characters(let letters, let count):
      let length = random.integer(in: Int64(count.lowerBound)...Int64(count.upperBound))
      part = String((0..<length).map { _ in letters[Int(random.below(UInt64(letters.count)))] })
    case .value(let generator): part = sampleText(generator, &random)
    case .alternatives(let options, let weights):
      guard options.count == weights.count, weights.allSatisfy({ $0 > 0 }) else { return nil }
      part = sampleText(options[AliasTable(weights: weights).sample(&random)], &random)
    case .repeated(let pieces, let count):
      let times = random.integer(in: Int64(count.lowerBound)...Int64(count.upperBound))
      part = sampleText((0..<times).flatMap { _ in pieces }, &random)
    }
    guard let part else { return nil }
    text += part
  }
  return text
}

@Suite struct VocabularyTests {
  /// What every text of a kind looks like, whatever the locale.
  static let shapes: [String: String] = [
    "email": #"[a-z0-9._]+@example\.(com|net|org)"#, "user_name": "[a-z0-9._]+", "company_email": #"[a-z]+@[a-z]+-[a-z]+\.example"#,
    "phone": #"\+[0-9]{1,3} [0-9 -]{7,16}"#, "domain": #"[a-z]+\.example"#, "path": "(/[a-z0-9-]+)+",
    "url": #"https://(www|shop|blog)\.[a-z]+\.example(/[a-z0-9-]+)+"#, "referrer": #"https://[a-z.]+/[a-z0-9/-]*"#,
    "mac": "[0-9a-f][26ae](:[0-9a-f]{2}){5}", "country_code": "[A-Z]{2}", "currency": "[A-Z]{3}", "language": "[a-z]{2}-[A-Z]{2}",
    "postcode": "[0-9-]{4,8}", "ipv4": #"[0-9]{1,3}(\.[0-9]{1,3}){3}"#, "password": "[!-~]{10,16}",
    "timezone": "UTC|[A-Za-z_]+(/[A-Za-z_]+)+",
    "query_string":
      #"v=2&tid=G-[A-Z0-9]{10}&cid=[0-9]+\.[0-9]+&sid=[0-9]{10}&en=[a-z_]+&dl=https%3A%2F%2Fwww\.[a-z]+\.example%2F[a-z]+&ul=[a-z-]{5}&sr=[0-9x]+"#,
    "user_agent": #"Mozilla/5\.0 \(.*"#, "bot_user_agent": "[ -~]+", "ssn": "[0-9A-Z -]{8,22}",
  ]

  @Test(arguments: Vocabulary.kinds, Vocabulary.locales)
  func `every kind has well-formed texts in every locale`(kind: String, locale: String) throws {
    let generator = try #require(Vocabulary.generator(kind: kind, locales: [locale]))
    let shape = try Self.shapes[kind].map { try Regex("(?:\($0))") }
    var random = Random(seed: 21, Hash.mix(UInt64(kind.utf8.count), 1), UInt64(locale.utf8.first ?? 0))
    for _ in 0..<40 {
      let text = try #require(sampleText(generator, &random))
      #expect(
        !text.isEmpty && (kind == "password" || !text.contains { "{}#@*".contains($0) } || kind.hasSuffix("email")), "\(text)")
      #expect(text == text.trimmingCharacters(in: .whitespaces), "\(text)")
      if let shape { #expect(text.wholeMatch(of: shape) != nil, "\(kind): \(text)") }
    }
  }

  @Test(arguments: Vocabulary.tables.map(\.code)) func `the tables hold no word twice and no empty one`(code: String) throws {
    let words = try #require(Vocabulary.tables.first { $0.code == code })
    for (table, atLeast) in [
      (words.firstNames, 60), (words.lastNames, 60), (words.words, 90), (words.streets, 20), (words.jobs, 15), (words.colors, 12),
      (words.products, 15), (words.greetings, 6), (words.companies, 7), (words.countries, 24), (words.phones, 3),
      (words.cities.map(\.name), 30),
    ] {
      let repeated = Dictionary(grouping: table, by: { $0 }).filter { $0.value.count > 1 }.keys.sorted()
      #expect(repeated.isEmpty && !table.contains(""), "\(code): \(repeated)")
      #expect(table.count >= atLeast, "\(code): \(table.first ?? "")")
    }
    #expect(words.countries.count == GlobalWords.countryCodes.count)
    #expect(GlobalWords.countryCodes.count == GlobalWords.countryWeights.count)
    for (names, latin) in [(words.firstNames, words.firstNamesLatin), (words.lastNames, words.lastNamesLatin)] {
      #expect(names.count == latin.count)
      #expect(latin.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (97...122).contains($0) } })
    }
  }

  @Test(arguments: Vocabulary.tables.map(\.code)) func `a name written with accents keeps all its letters in Latin`(code: String)
    throws
  {
    let words = try #require(Vocabulary.tables.first { $0.code == code })
    guard code != "ja" else { return }
    for (name, latin) in zip(words.firstNames + words.lastNames, words.firstNamesLatin + words.lastNamesLatin) {
      #expect(latin.count >= name.count, "\(name) became \(latin)")
    }
  }

  @Test(arguments: [
    ("en", 24.0...50.0, -126.0 ... -66.0), ("de", 47.0...55.1, 5.8...15.1), ("fr", 41.3...51.1, -5.2...9.6),
    ("es", 27.6...43.8, -18.2...4.4), ("it", 36.6...47.1, 6.6...18.6), ("pt", 32.4...42.2, -31.3 ... -6.1),
    ("ja", 24.0...45.6, 122.9...146.0),
    ("in", 8.0...37.1, 68.1...97.4),
  ])
  func `cities lie in their country`(code: String, latitudes: ClosedRange<Double>, longitudes: ClosedRange<Double>) {
    let cities = Vocabulary.cities(locales: [code])
    #expect(cities.count >= 30)
    for city in cities { #expect(latitudes.contains(city.latitude) && longitudes.contains(city.longitude), "\(city)") }
  }

  @Test func `several locales are mixed between values, never within one`() throws {
    let generator = try #require(Vocabulary.generator(kind: "name", locales: ["de", "ja"]))
    var random = Random(seed: 22, 0, 0)
    var latin = 0
    for _ in 0..<400 {
      let parts = try #require(sampleText(generator, &random)).split(separator: " ")
      let isLatin = parts.map { $0.unicodeScalars.allSatisfy { $0.value < 0x250 } }
      #expect(parts.count == 2 && isLatin[0] == isLatin[1], "\(parts)")
      if isLatin[0] { latin += 1 }
    }
    // Four standard deviations.
    #expect((160...240).contains(latin))
  }

  @Test func `an unknown kind or locale has no generator, and no locale means English`() throws {
    #expect(Vocabulary.generator(kind: "nmae", locales: ["en"]) == nil)
    #expect(Vocabulary.generator(kind: "name", locales: ["en", "xx"]) == nil)
    #expect(Vocabulary.generator(kind: "user_agent", locales: ["xx"]) == nil)
    #expect(Vocabulary.cities(locales: ["xx"]).isEmpty)
    #expect(Vocabulary.cities(locales: []).first?.name == "New York")
    #expect(Vocabulary.kinds.count == Set(Vocabulary.kinds).count && Vocabulary.kinds.count == 35)
    #expect(Vocabulary.locales == ["en", "de", "fr", "es", "it", "pt", "ja", "in"])
  }

  @Test(arguments: Vocabulary.locales) func `a sentence has as many words as asked for`(locale: String) throws {
    var random = Random(seed: 23, 0, 0)
    var counts: Set<Int> = []
    for _ in 0..<200 {
      let text = try #require(sampleText(Vocabulary.sentence(words: 3...6, locales: [locale]), &random))
      #expect(text.hasSuffix(locale == "ja" ? "。" : "."))
      #expect(text.first?.isLowercase == false, "\(text)")
      counts.insert(text.split(separator: " ").count)
    }
    #expect(counts == (locale == "ja" ? [1] : [3, 4, 5, 6]))
    let one = try #require(sampleText(Vocabulary.sentence(words: 0...0, locales: [locale]), &random))
    #expect(one.count >= 2)
  }
}
