// The kinds of `fake:` that are the same everywhere: codes, hosts and what browsers send. Hosts are under names reserved by RFC 2606, except
// the start pages in referrers; shares of browsers and countries are rough, as a public web site of these years would see them.

enum GlobalWords {
  static let countryCodes = LocaleWords.spaced("US IN CN BR JP DE GB FR IT ES MX CA KR NL PL AU SE CH AT BE PT AR ZA NG")
  static let countryWeights: [Double] = [
    22, 14, 10, 7, 6, 5, 5, 4, 3.5, 3, 4, 3, 3, 1.8, 2.2, 1.8, 1.1, 1, 0.9, 1.1, 1, 1.8, 1.6, 2.5,
  ]

  static func generator(kind: String) -> FieldGenerator? {
    switch kind {
    case "country_code": .words(countryCodes, weights: countryWeights)
    case "currency": weighted(currencies.map { ($0.code, $0.weight) })
    case "currency_name": weighted(currencies.map { ($0.name, $0.weight) })
    case "language": weighted(languages)
    case "timezone": weighted(timeZones)
    case "user_agent": weighted(UserAgents.browsers)
    case "bot_user_agent": weighted(UserAgents.bots)
    case "domain": .text(domain)
    case "path": .text(path)
    case "url": .text([.literal("https://"), .word(["www.", "shop.", "blog."], weights: [8, 1, 1])] + domain + path)
    case "referrer": .text([.alternatives(referrers.map(\.0), weights: referrers.map(\.1))])
    case "mac": .text(mac)
    case "password":
      .text([.characters(Array("abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#$%*+-=?_"), count: 10...16)])
    case "query_string": .text(queryString)
    case "ipv4":
      .text(
        [.value(.choice(publicFirstOctets, weights: publicFirstOctets.map { _ in 1 }))] + [
          dot, octet, dot, octet, dot, .number(1...254),
        ])
    default: nil
    }
  }

  private static func weighted(_ list: [(String, Double)]) -> FieldGenerator { .words(list.map(\.0), weights: list.map(\.1)) }

  private static let currencies: [(code: String, name: String, weight: Double)] = [
    ("USD", "US dollar", 40), ("EUR", "euro", 25), ("JPY", "yen", 8), ("GBP", "pound sterling", 7), ("INR", "Indian rupee", 7),
    ("CNY", "yuan", 6), ("BRL", "Brazilian real", 4), ("CAD", "Canadian dollar", 3), ("AUD", "Australian dollar", 3),
    ("CHF", "Swiss franc", 3), ("MXN", "Mexican peso", 3), ("KRW", "won", 2), ("SEK", "Swedish krona", 1.5), ("PLN", "zloty", 1.5),
    ("NOK", "Norwegian krone", 1), ("DKK", "Danish krone", 1), ("ZAR", "rand", 1), ("TRY", "Turkish lira", 1),
    ("SGD", "Singapore dollar", 1),
    ("NZD", "New Zealand dollar", 0.7),
  ]

  private static let languages: [(String, Double)] = [
    ("en-US", 35), ("en-GB", 8), ("es-ES", 6), ("es-MX", 6), ("de-DE", 7), ("fr-FR", 6), ("pt-BR", 6), ("ja-JP", 6), ("zh-CN", 6),
    ("it-IT", 4),
    ("hi-IN", 3), ("en-IN", 5), ("ko-KR", 3), ("nl-NL", 2), ("pl-PL", 2), ("pt-PT", 1), ("sv-SE", 1), ("tr-TR", 2), ("ru-RU", 3),
    ("ar-SA", 2),
  ]

  private static let timeZones: [(String, Double)] = [
    ("America/New_York", 14), ("America/Chicago", 8), ("America/Denver", 2), ("America/Los_Angeles", 8), ("America/Toronto", 2),
    ("America/Mexico_City", 4), ("America/Sao_Paulo", 7), ("America/Argentina/Buenos_Aires", 2), ("Europe/London", 6),
    ("Europe/Lisbon", 1),
    ("Europe/Madrid", 3), ("Europe/Paris", 4), ("Europe/Brussels", 1), ("Europe/Amsterdam", 2), ("Europe/Berlin", 5),
    ("Europe/Zurich", 1),
    ("Europe/Vienna", 1), ("Europe/Rome", 4), ("Europe/Stockholm", 1), ("Europe/Warsaw", 2), ("Africa/Lagos", 2),
    ("Africa/Johannesburg", 2),
    ("Asia/Kolkata", 14), ("Asia/Shanghai", 10), ("Asia/Seoul", 3), ("Asia/Tokyo", 6), ("Asia/Singapore", 1),
    ("Australia/Sydney", 2),
    ("Pacific/Auckland", 0.5), ("UTC", 1),
  ]

  private static let dot = TextPiece.literal(".")
  private static let octet = TextPiece.number(0...255)
  /// First octets whose whole block is neither private nor otherwise set apart (RFC 6890).
  private static let publicFirstOctets: [Scalar] = (1...223).filter { ![10, 100, 127, 169, 172, 192, 198, 203].contains($0) }.map {
    .integer(Int64($0))
  }

  private static let adjectives = LocaleWords.spaced(
    "bright quiet green north silver open swift clear happy blue golden early urban royal little modern sunny fresh grand simple")
  private static let nouns = LocaleWords.spaced(
    "river harbor garden market studio forest bridge valley kitchen travel media books coffee tools fashion music sports homes labs meadow"
  )
  private static let domain: [TextPiece] = [.word(adjectives), .word(nouns), .literal(".example")]

  private static let slug: [TextPiece] = [
    .word(
      LocaleWords.spaced(
        "home products about news search category blog help account cart checkout offers contact pricing docs reviews new sale events press"
      )
    )
  ]
  private static let path: [TextPiece] = [
    .literal("/"),
    .alternatives(
      [
        slug, slug + [.literal("/"), .number(1...99_999)], slug + [.literal("/"), .word(adjectives), .literal("-"), .word(nouns)],
        slug + [.literal("/"), .word(nouns), .literal("/"), .number(1...999)],
      ], weights: [5, 3, 4, 2]),
  ]

  private static let referrers: [([TextPiece], Double)] =
    [
      ("https://www.google.com/", 55.0), ("https://www.bing.com/", 5), ("https://duckduckgo.com/", 3),
      ("https://search.yahoo.com/", 2),
      ("https://www.facebook.com/", 8), ("https://www.instagram.com/", 6), ("https://www.youtube.com/", 4),
      ("https://www.reddit.com/", 3),
      ("https://t.co/", 3), ("https://www.linkedin.com/", 2), ("https://www.pinterest.com/", 1), ("https://github.com/", 1),
    ].map { ([.literal($0.0)], $0.1) } + [([.literal("https://www.")] + domain + path, 12)]

  /// Locally administered, one station: the second digit says so (IEEE 802).
  private static let mac: [TextPiece] = {
    let hexadecimal = Array("0123456789abcdef")
    return [
      .characters(hexadecimal, count: 1...1), .characters(Array("26ae"), count: 1...1),
      .repeated([.literal(":"), .characters(hexadecimal, count: 2...2)], count: 5...5),
    ]
  }()

  /// As Google Analytics 4 collects: protocol, property, client, session, event, page, language, screen.
  private static let queryString: [TextPiece] =
    [
      .literal("v=2&tid=G-"), .characters(Array("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"), count: 10...10),
      .literal("&cid="), .number(100_000_000...2_147_483_647), dot, .number(1_600_000_000...1_799_999_999),
      .literal("&sid="), .number(1_600_000_000...1_799_999_999), .literal("&en="),
      .word(
        [
          "page_view", "scroll", "click", "view_item", "add_to_cart", "begin_checkout", "purchase", "session_start",
          "user_engagement",
        ],
        weights: [40, 15, 10, 12, 5, 2, 1, 8, 12]),
      .literal("&dl=https%3A%2F%2Fwww."),
    ] + domain + [.literal("%2F")] + slug + [
      .literal("&ul="), .word(["en-us", "en-gb", "de-de", "fr-fr", "es-es", "ja-jp", "pt-br"], weights: [50, 12, 10, 8, 8, 6, 6]),
      .literal("&sr="), .word(["1920x1080", "1366x768", "1536x864", "390x844", "412x915", "360x800", "2560x1440"]),
    ]
}
