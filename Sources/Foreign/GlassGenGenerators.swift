// GlassGen's generators, `$name` or `$name(arguments)`, as generators of Freshet. Arguments are split at commas and trimmed.

import Base
import Configuration

struct GlassGenGenerators {
  let diagnostics: Diagnostics
  /// How messages name the field.
  let subject: String
  let location: SourceLocation

  /// Names and, in words, what they take; nil for no arguments.
  static let arguments: [(name: String, takes: String?)] = [
    ("string", nil), ("int", "nothing, or (min, max)"), ("intrange", "(min, max)"), ("choice", "(a, b, ...)"),
    ("datetime", "nothing, or (format)"), ("timestamp", nil), ("boolean", "nothing, or (percent)"), ("uuid", nil), ("uuid4", nil),
    ("float", nil), ("price", "nothing, or (min, max, decimals)"), ("prefixed_id", "nothing, or (prefix, min, max)"),
    ("array", "(generator, count, its arguments...)"), ("greeting", nil), ("query_string", nil), ("name", nil), ("email", nil),
    ("company_email", nil), ("user_name", nil), ("password", nil), ("phone_number", nil), ("ssn", nil), ("country", nil),
    ("city", nil), ("address", nil), ("zipcode", nil), ("company", nil), ("job", nil), ("url", nil), ("text", nil), ("ipv4", nil),
    ("currency_name", nil), ("color_name", nil),
  ]

  /// Those that are word tables here, under their name here.
  private static let fakes = [
    "string": "word", "greeting": "greeting", "name": "name", "email": "email", "company_email": "company_email",
    "user_name": "user_name", "password": "password", "phone_number": "phone", "ssn": "ssn", "country": "country", "city": "city",
    "address": "address", "zipcode": "postcode", "company": "company", "job": "job", "url": "url", "currency_name": "currency_name",
    "color_name": "color",
  ]

  init(_ diagnostics: Diagnostics, _ subject: String, _ location: SourceLocation) {
    self.diagnostics = diagnostics
    self.subject = subject
    self.location = location
  }

  // MARK: - The text

  /// The generator that a field's text names; nil with a finding.
  func sketch(_ text: String) -> FieldSketch? {
    guard text.hasPrefix("$") else { return fail("expected a generator such as \"$name\", found '\(text)'") }
    let name = text.dropFirst().prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    let rest = text.dropFirst(1 + name.count)
    if rest.isEmpty { return generator(String(name), nil) }
    guard rest.hasPrefix("("), rest.hasSuffix(")") else {
      return fail("expected '$generator' or '$generator(arguments)', found '\(text)'")
    }
    let inner = rest.dropFirst().dropLast()
    let isEmpty = inner.allSatisfy(\.isWhitespace)
    let arguments = inner.split(separator: ",", omittingEmptySubsequences: false).map { String($0).trimmed }
    return generator(String(name), isEmpty ? nil : arguments)
  }

  /// - Parameter arguments: Nil where there are none.
  private func generator(_ name: String, _ arguments: [String]?) -> FieldSketch? {
    guard let known = Self.arguments.first(where: { $0.name == name }) else {
      return fail(
        "unknown generator '$\(name)'" + Suggestion.hint(for: name, among: Self.arguments.map(\.name)), code: "unknown-name")
    }
    if known.takes == nil, let arguments {
      return fail("'$\(name)' takes no arguments, found (\(arguments.joined(separator: ", ")))")
    }
    if let kind = Self.fakes[name] { return .fake(kind) }
    switch name {
    case "uuid", "uuid4": return FieldSketch(["uuid": .word("v4")])
    case "timestamp": return FieldSketch(["time": .word("event"), "format": .word("epoch_s")])
    case "float": return FieldSketch(["float": .range(-1_000_000, 1_000_000)])
    case "ipv4": return FieldSketch(["ip": .word("v4")])
    case "text": return FieldSketch(["text": .mapping(["words": .range(5, 12), "sentences": .range(2, 4)])])
    case "query_string": return Self.queryString
    case "int": return integers(name, arguments ?? ["0", "9999"])
    case "intrange": return integers(name, arguments ?? [])
    case "boolean": return boolean(arguments)
    case "choice": return choice(arguments ?? [])
    case "datetime": return datetime(arguments ?? [])
    case "price": return price(arguments ?? [])
    case "prefixed_id": return prefixedIdentifier(arguments ?? [])
    default: return array(arguments ?? [])
    }
  }

  // MARK: - With arguments

  private func integers(_ name: String, _ arguments: [String]) -> FieldSketch? {
    guard arguments.count == 2 else { return wrongArguments(name, arguments) }
    guard let low = Int64(arguments[0]), let high = Int64(arguments[1]) else {
      return fail("'$\(name)': expected two whole numbers, found (\(arguments.joined(separator: ", ")))")
    }
    guard low <= high else { return fail("'$\(name)': the lower bound \(low) is above the upper bound \(high)") }
    return FieldSketch(["int": .list([.integer(low), .integer(high)])])
  }

  private func boolean(_ arguments: [String]?) -> FieldSketch? {
    guard let arguments else { return FieldSketch(["bool": .number(0.5)]) }
    guard arguments.count == 1 else { return wrongArguments("boolean", arguments) }
    guard let percent = Double(arguments[0]), (0...100).contains(percent) else {
      return fail("'$boolean': expected a percentage from 0 to 100, found '\(arguments[0])'")
    }
    return FieldSketch(["bool": .number(percent / 100)])
  }

  private func choice(_ arguments: [String]) -> FieldSketch? {
    let texts = arguments.map { $0.trimmed(of: "\"'") }
    guard !texts.isEmpty else { return wrongArguments("choice", arguments) }
    return .choice(texts.map { .text($0) })
  }

  private func datetime(_ arguments: [String]) -> FieldSketch? {
    guard arguments.count <= 1 else {
      return fail("'$datetime': expected one format without commas, found (\(arguments.joined(separator: ", ")))")
    }
    guard let format = arguments.first?.trimmed(of: "\"'"), !format.isEmpty else {
      return FieldSketch(["time": .word("event"), "format": .text("%Y-%m-%dT%H:%M:%S.%f")])
    }
    if let unknown = TimeDirectives.firstUnknown(in: format) {
      return fail("'$datetime': the format has '\(unknown)'; known: \(TimeDirectives.list)", code: "no-equivalent")
    }
    return FieldSketch(["time": .word("event"), "format": .text(format)])
  }

  private func price(_ arguments: [String]) -> FieldSketch? {
    guard arguments.count <= 3 else { return wrongArguments("price", arguments) }
    let texts = arguments + ["0.99", "9999.99", "2"].dropFirst(arguments.count)
    guard let low = Double(texts[0]), let high = Double(texts[1]), low.isFinite, high.isFinite else {
      return fail("'$price': expected numbers, found (\(arguments.joined(separator: ", ")))")
    }
    guard let decimals = Int(texts[2]), (0...9).contains(decimals) else {
      return fail("'$price': expected 0 to 9 decimals, found '\(texts[2])'")
    }
    guard low <= high else { return fail("'$price': the lower bound \(texts[0]) is above the upper bound \(texts[1])") }
    return FieldSketch(["decimal": .range(low, high), "decimals": .integer(decimals)])
  }

  private func prefixedIdentifier(_ arguments: [String]) -> FieldSketch? {
    guard arguments.count <= 3 else { return wrongArguments("prefixed_id", arguments) }
    let texts = arguments + ["item", "1", "1000"].dropFirst(arguments.count)
    let prefix = texts[0].trimmed(of: "\"'")
    guard let range = integers("prefixed_id", Array(texts.dropFirst())) else { return nil }
    let literal = prefix.replacing("{", with: "{{").replacing("}", with: "}}")
    return FieldSketch(["template": .text("\(literal)_{n}"), "with": .mapping([DocumentEntry("n", .mapping(range.settings))])])
  }

  private func array(_ arguments: [String]) -> FieldSketch? {
    guard arguments.count >= 2 else { return wrongArguments("array", arguments) }
    guard let count = Int(arguments[1]), (1...10_000).contains(count) else {
      return fail("'$array': expected a count from 1 to 10000, found '\(arguments[1])'")
    }
    let name = arguments[0].trimmed(of: "\"'$")
    guard name != "array" else { return fail("'$array': an array of arrays has no equivalent", code: "no-equivalent") }
    guard let item = generator(name, arguments.count > 2 ? Array(arguments.dropFirst(2)) : nil) else { return nil }
    return FieldSketch(["array": item.itemNode, "length": .integer(count)])
  }

  /// A hit of GA4's collection protocol, with the parameters that GlassGen writes.
  private static let queryString = FieldSketch([
    "template": .text(
      "v=2&cid={c1}.{c2}&sid={sid}&sct={sct}&seg={seg}&_et={et}&en={en}&ep.event_id={e1}.{e2}&dt={dt}&ul={ul}&ur={ur}"),
    "with": DocumentNode(
      .mapping([
        DocumentEntry("c1", .mapping(["int": .range(100_000_000, 999_999_999)])),
        DocumentEntry("c2", .mapping(["int": .range(1_000_000_000_000, 9_999_999_999_999)])),
        DocumentEntry("sid", .mapping(["int": .range(1_000_000_000, 9_999_999_999)])),
        DocumentEntry("sct", .mapping(["int": .range(1, 10)])),
        DocumentEntry("seg", .mapping(["int": .range(0, 1)])),
        DocumentEntry("et", .mapping(["int": .range(0, 30_000)])),
        DocumentEntry("en", texts("page_view", "scroll", "click", "purchase", "add_to_cart")),
        DocumentEntry("e1", .mapping(["int": .range(1_000_000_000_000, 9_999_999_999_999)])),
        DocumentEntry("e2", .mapping(["int": .range(1, 9)])),
        DocumentEntry("dt", texts("Start%20Page", "Category", "Product%20Details", "Basket", "Help")),
        DocumentEntry("ul", texts("en-us", "de-de", "fr-fr", "es-es")),
        DocumentEntry("ur", texts("US-CA", "US-NY", "US-TX", "US-FL", "US-WA", "DE-BE", "FR-IDF")),
      ]), isBlock: true),
  ])

  private static func texts(_ texts: String...) -> DocumentNode { .mapping(["choice": .list(texts.map { .text($0) })]) }

  // MARK: - Findings

  private func wrongArguments(_ name: String, _ arguments: [String]) -> FieldSketch? {
    let takes = Self.arguments.first { $0.name == name }?.takes ?? "no arguments"
    let found = arguments.isEmpty ? "nothing" : "(\(arguments.joined(separator: ", ")))"
    return fail("'$\(name)': expected \(takes), found \(found)")
  }

  private func fail(_ message: String, code: String = "wrong-value") -> FieldSketch? {
    diagnostics.error(code, at: location, "\(subject): \(message)")
    return nil
  }
}

/// The directives of strftime that a time's format may have.
enum TimeDirectives {
  private static let known = Array("YmdHMSLfjybBaAeIpsFTzZ%")
  static let list = known.map { "%\($0)" }.joined(separator: " ")

  /// The first directive that is none of them.
  static func firstUnknown(in format: String) -> String? {
    var rest = format[...]
    while let percent = rest.firstIndex(of: "%") {
      rest = rest[rest.index(after: percent)...]
      guard let directive = rest.first else { return "%" }
      if !known.contains(directive) { return "%\(directive)" }
      rest = rest.dropFirst()
    }
    return nil
  }
}

extension String {
  /// Without white space at both ends.
  var trimmed: String { trimmed { $0.isWhitespace } }

  /// Without these characters at both ends.
  func trimmed(of characters: String) -> String { trimmed { characters.contains($0) } }

  private func trimmed(_ isTrimmed: (Character) -> Bool) -> String {
    var rest = self[...]
    while let first = rest.first, isTrimmed(first) { rest = rest.dropFirst() }
    while let last = rest.last, isTrimmed(last) { rest = rest.dropLast() }
    return String(rest)
  }
}
