// What browsers and well-known robots call themselves. Each text is whole, because the parts of a user agent repeat one version; a browser's share is
// split over its versions, newer ones first.

enum UserAgents {
  static let browsers: [(String, Double)] = {
    let windows = "Windows NT 10.0; Win64; x64"
    let mac = "Macintosh; Intel Mac OS X 10_15_7"
    let linux = "X11; Linux x86_64"
    let android = "Linux; Android 10; K"
    func chromium(_ system: String, _ version: Int, mobile: Bool = false, _ suffix: String = "") -> String {
      "Mozilla/5.0 (\(system)) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/\(version).0.0.0\(mobile ? " Mobile" : "") Safari/537.36\(suffix)"
    }
    func firefox(_ system: String, _ version: Int) -> String {
      "Mozilla/5.0 (\(system); rv:\(version).0) Gecko/20100101 Firefox/\(version).0"
    }
    let safariVersions = ["18.5", "18.3", "18.1", "17.6", "17.5", "16.6"]
    let families: [(share: Double, agents: [String])] = [
      (26, (128...137).reversed().map { chromium(windows, $0) }),
      (7, (128...137).reversed().map { chromium(mac, $0) }),
      (2, (128...137).reversed().map { chromium(linux, $0) }),
      (30, (128...137).reversed().map { chromium(android, $0, mobile: true) }),
      (
        17,
        safariVersions.map {
          let system = "iPhone; CPU iPhone OS \($0.replacing(".", with: "_")) like Mac OS X"
          return "Mozilla/5.0 (\(system)) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/\($0) Mobile/15E148 Safari/604.1"
        }
      ),
      (5, safariVersions.map { "Mozilla/5.0 (\(mac)) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/\($0) Safari/605.1.15" }),
      (5, (130...137).reversed().map { chromium(windows, $0, " Edg/\($0).0.0.0") }),
      (2, (128...139).reversed().map { firefox(windows, $0) }),
      (0.5, (128...139).reversed().map { firefox("Macintosh; Intel Mac OS X 10.15", $0) }),
      (0.7, (128...139).reversed().map { firefox(linux, $0) }),
      (0.5, (134...139).reversed().map { "Mozilla/5.0 (Android 14; Mobile; rv:\($0).0) Gecko/\($0).0 Firefox/\($0).0" }),
      (
        2.5,
        [("28.0", 130), ("27.0", 125), ("26.0", 122)].map {
          "Mozilla/5.0 (\(android)) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/\($0.0) Chrome/\($0.1).0.0.0 Mobile Safari/537.36"
        }
      ),
      (1.8, [(119, 134), (118, 133), (117, 132)].map { chromium(windows, $0.1, " OPR/\($0.0).0.0.0") }),
    ]
    return families.flatMap { family in
      let weights = family.agents.indices.map { 1 / Double($0 + 1) }
      let total = weights.reduce(0, +)
      return zip(family.agents, weights).map { ($0, family.share * $1 / total) }
    }
  }()

  static let bots: [(String, Double)] = [
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 30),
    ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", 15),
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", 6),
    ("DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)", 2),
    ("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", 5),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", 9),
    ("Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)", 8),
    ("Mozilla/5.0 (compatible; MJ12bot/v1.4.8; http://mj12bot.com/)", 3),
    ("Mozilla/5.0 (compatible; DotBot/1.2; +https://opensiteexplorer.org/dotbot)", 2),
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", 5), ("Twitterbot/1.0", 2),
    ("CCBot/2.0 (https://commoncrawl.org/faq/)", 3),
    ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", 6),
    ("Mozilla/5.0 (compatible; Applebot/0.1; +http://www.apple.com/go/applebot)", 3), ("curl/8.5.0", 3),
    ("python-requests/2.32.3", 4),
    ("Go-http-client/2.0", 3), ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", 1),
  ]
}
