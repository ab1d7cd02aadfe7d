// The kinds of `fake:` that differ by locale, built from one locale's tables. Names fall off in frequency as in a population; cities
// are drawn by their size, and an address takes its postcode and region from its city.

extension LocaleWords {
  func generator(kind: String) -> FieldGenerator? {
    switch kind {
    case "name": .text(name)
    case "first_name": .words(firstNames, weights: Self.byRank(firstNames))
    case "last_name": .words(lastNames, weights: Self.byRank(lastNames))
    case "user_name": .text(userName)
    case "email": .text(userName + [.literal("@"), .word(["example.com", "example.net", "example.org"], weights: [6, 2, 2])])
    case "phone": .text([.alternatives(phones.map(TextPiece.pattern), weights: phones.map { _ in 1 })])
    case "street": .text(street)
    case "address": .text([byCity(address)])
    case "city": .words(cities.map(\.name), weights: cities.map(\.population))
    case "region": regionGenerator
    case "postcode": .text([byCity { TextPiece.pattern($0.postcode) }])
    case "country": .words(countries, weights: GlobalWords.countryWeights)
    case "company": .text(company)
    case "company_email":
      .text([
        .word(["info", "sales", "contact", "office", "support", "billing", "jobs"], weights: [8, 4, 4, 3, 3, 2, 1]), .literal("@"),
        latinLastName, .word(["-group", "-trade", "-services", "-shop"]), .literal(".example"),
      ])
    case "job": .words(jobs)
    case "product":
      .text([
        .word(products), .literal(" "), .word(["Nova", "Alto", "Lumen", "Terra", "Orbit", "Vela", "Mira", "Delta"]), .literal(" "),
        .word(["100", "200", "300", "500", "X1", "X2", "S", "Pro", "Mini", "Plus"]),
      ])
    case "color": .words(colors)
    case "word": .words(words)
    case "greeting": .words(greetings)
    case "ssn": .text(TextPiece.pattern(nationalNumber))
    default: nil
    }
  }

  /// Words with a capital first and a full stop last; Japanese has neither capitals nor spaces.
  func sentence(words count: ClosedRange<Int>) -> [TextPiece] {
    let more = max(count.lowerBound, 1) - 1...max(count.upperBound, 1) - 1
    let isJapanese = code == "ja"
    let first = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }
    return [
      .word(first), .repeated(isJapanese ? [.word(words)] : [.literal(" "), .word(words)], count: more),
      .literal(isJapanese ? "。" : "."),
    ]
  }

  /// Falling weights for a list in order of frequency: the first about six times as frequent as the fiftieth.
  private static func byRank(_ list: [String]) -> [Double] { list.indices.map { 1 / Double($0 + 10) } }

  private var firstName: TextPiece { .word(firstNames, weights: Self.byRank(firstNames)) }
  private var lastName: TextPiece { .word(lastNames, weights: Self.byRank(lastNames)) }
  private var latinFirstName: TextPiece { .word(firstNamesLatin, weights: Self.byRank(firstNamesLatin)) }
  private var latinLastName: TextPiece { .word(lastNamesLatin, weights: Self.byRank(lastNamesLatin)) }

  private var name: [TextPiece] { familyNameFirst ? [lastName, .literal(" "), firstName] : [firstName, .literal(" "), lastName] }

  private var userName: [TextPiece] {
    let letter = TextPiece.characters(Array("abcdefghijklmnoprstvw"), count: 1...1)
    return [
      .alternatives(
        [
          [latinFirstName, .literal("."), latinLastName], [latinFirstName, .number(1...999)],
          [letter, latinLastName, .number(1...99)],
          [latinFirstName, .literal("_"), latinLastName], [latinLastName, .literal("."), latinFirstName, .number(1...99)],
        ], weights: [40, 22, 18, 8, 12])
    ]
  }

  private var company: [TextPiece] {
    let forms = companies.map { form -> [TextPiece] in
      guard let star = form.firstIndex(of: "*") else { return [lastName, .literal(" " + form)] }
      let parts = [String(form[..<star]), String(form[form.index(after: star)...])]
      return [.literal(parts[0]), lastName, .literal(parts[1])].filter { if case .literal("") = $0 { false } else { true } }
    }
    return [.alternatives(forms, weights: Self.byRank(companies))]
  }

  private var regionGenerator: FieldGenerator {
    var regions: [String] = []
    var populations: [String: Double] = [:]
    for city in cities {
      if populations[city.region] == nil { regions.append(city.region) }
      populations[city.region, default: 0] += city.population
    }
    return .words(regions, weights: regions.map { populations[$0] ?? 0 })
  }

  private func byCity(_ pieces: (City) -> [TextPiece]) -> TextPiece {
    .alternatives(cities.map(pieces), weights: cities.map(\.population))
  }

  private var street: [TextPiece] { fill(streetLine) { _ in [] } }

  private func address(_ city: City) -> [TextPiece] {
    fill(addressLine) { hole in
      switch hole {
      case "line": street
      case "postcode": TextPiece.pattern(city.postcode)
      case "city": [.literal(city.name)]
      default: [.literal(city.regionInAddress)]
      }
    }
  }

  /// The pieces of a line with `{holes}`.
  private func fill(_ line: String, _ other: (String) -> [TextPiece]) -> [TextPiece] {
    let houseNumbers: [[TextPiece]] =
      code == "en" ? [[.number(1...99)], [.number(100...9999)]] : [[.number(1...40)], [.number(41...199)]]
    return line.split(separator: "{", omittingEmptySubsequences: true).flatMap { part -> [TextPiece] in
      guard let end = part.firstIndex(of: "}") else { return [.literal(String(part))] }
      let hole = String(part[..<end])
      let after = String(part[part.index(after: end)...])
      let filled: [TextPiece] =
        switch hole {
        case "n": code == "ja" ? [.number(1...30)] : [.alternatives(houseNumbers, weights: [3, 1])]
        case "chome": [.number(1...6)]
        case "street": [.word(streets)]
        default: other(hole)
        }
      return filled + (after.isEmpty ? [] : [.literal(after)])
    }
  }
}
