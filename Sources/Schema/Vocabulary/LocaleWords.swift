// The words of one locale, and how they become tables: lists are written as one text, most frequent first, so that they stay readable.
// Written from general knowledge for this project; no entry stands for a person or a company.

/// A place of a locale.
struct City: Sendable {
  var name: String
  /// The region's full name, and how an address writes it.
  var region: String
  var regionInAddress: String
  var latitude: Double
  var longitude: Double
  /// `#` is a digit.
  var postcode: String
  /// Roughly, in thousands.
  var population: Double
}

/// The tables of one locale.
struct LocaleWords: Sendable {
  var code: String
  /// Both fall in frequency.
  var firstNames: [String]
  var lastNames: [String]
  /// The same in ASCII letters, lower case, in the same order.
  var firstNamesLatin: [String]
  var lastNamesLatin: [String]
  var cities: [City]
  var streets: [String]
  var words: [String]
  var jobs: [String]
  var colors: [String]
  var products: [String]
  var greetings: [String]
  /// What follows (or, from a `*`, where it stands: `株式会社*`) a surname in a company's name.
  var companies: [String]
  /// As many as `GlobalWords.countryCodes`.
  var countries: [String]
  /// `#` is a digit. Numbers kept for fiction where the country has such, else ones whose first digits its plan does not give out.
  var phones: [String]
  /// `#` is a digit, `@` a capital letter; shapes that are never issued.
  var nationalNumber: String
  /// `{n}` house number, `{street}`, `{postcode}`, `{city}`, `{region}`.
  var streetLine: String
  var addressLine: String
  var familyNameFirst: Bool

  init(
    code: String, firstNames: String, lastNames: String, firstNamesLatin: String? = nil, lastNamesLatin: String? = nil,
    cities: String, streets: String, words: String, jobs: String, colors: String, products: String, greetings: String,
    companies: String, countries: String, phones: String, nationalNumber: String, streetLine: String, addressLine: String,
    familyNameFirst: Bool = false
  ) {
    self.code = code
    self.firstNames = Self.spaced(firstNames)
    self.lastNames = Self.spaced(lastNames)
    self.firstNamesLatin = Self.spaced(firstNamesLatin ?? firstNames).map(Self.latin)
    self.lastNamesLatin = Self.spaced(lastNamesLatin ?? lastNames).map(Self.latin)
    self.cities = Self.listed(cities, by: ";").map(Self.city)
    self.streets = Self.listed(streets)
    self.words = Self.spaced(words)
    self.jobs = Self.listed(jobs)
    self.colors = Self.listed(colors)
    self.products = Self.listed(products)
    self.greetings = Self.listed(greetings)
    self.companies = Self.listed(companies)
    self.countries = Self.listed(countries)
    self.phones = Self.listed(phones)
    self.nationalNumber = nationalNumber
    self.streetLine = streetLine
    self.addressLine = addressLine
    self.familyNameFirst = familyNameFirst
  }

  static func spaced(_ text: String) -> [String] { text.split(whereSeparator: \.isWhitespace).map(String.init) }

  static func listed(_ text: String, by separator: Character = ",") -> [String] {
    text.split(separator: separator).map { item in
      item.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }.filter { !$0.isEmpty }
  }

  /// `name, region, latitude, longitude, postcode, population in thousands`; the region may be `name/abbreviation`.
  private static func city(_ line: String) -> City {
    let parts = listed(line)
    guard parts.count == 6, let latitude = Double(parts[2]), let longitude = Double(parts[3]), let population = Double(parts[5])
    else {
      preconditionFailure("a city has a name, a region, two coordinates, a postcode and a population, not '\(line)'")
    }
    let region = parts[1].split(separator: "/").map(String.init)
    return City(
      name: parts[0], region: region[0], regionInAddress: region[region.count - 1], latitude: latitude, longitude: longitude,
      postcode: parts[4], population: population)
  }

  /// The letters of an e-mail address for a name in an alphabet of western Europe.
  static func latin(_ name: String) -> String {
    let folded: [Character: String] = [
      "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "á": "a", "à": "a", "â": "a", "ã": "a", "é": "e", "è": "e", "ê": "e", "ë": "e",
      "í": "i", "ì": "i", "î": "i", "ï": "i", "ó": "o", "ò": "o", "ô": "o", "õ": "o", "ú": "u", "ù": "u", "û": "u", "ç": "c",
      "ñ": "n",
    ]
    return name.lowercased().reduce(into: "") { text, letter in
      if let plain = folded[letter] { text += plain } else if letter.isASCII, letter.isLetter { text.append(letter) }
    }
  }
}
