// Reads one node as a value of a known type. Each reader names what it reads ("'count' of entity 'user'"), so that a message says where,
// what was expected, what was found, and, where it can be told, what was probably meant.

import Base

/// Typed reading of single nodes; nil always means that a finding has been made.
public struct ValueReader {
  public let diagnostics: Diagnostics
  /// What messages call the language of the file: `schema language`.
  public let language: String

  public init(_ diagnostics: Diagnostics, language: String) {
    self.diagnostics = diagnostics
    self.language = language
  }

  /// Refuses a part of the language by name.
  public func reportNotBuilt(_ what: String, at location: SourceLocation, hint: String = "") {
    diagnostics.error("not-built", at: location, "\(what) is part of the \(language) but not built in this version\(hint)")
  }

  /// `{what}: expected {expected}, found {found}`.
  public func mismatch(
    _ node: ConfigurationNode, _ what: String, expected: String, code: String = "wrong-type", hint: String = ""
  ) {
    diagnostics.error(code, at: node.location, "\(what): expected \(expected), found \(node.foundText)\(hint)")
  }

  private func scalar(_ node: ConfigurationNode, _ what: String, expected: String) -> ScalarNode? {
    guard case .scalar(let scalar) = node.content, !node.isNull else {
      mismatch(node, what, expected: expected)
      return nil
    }
    return scalar
  }

  /// A text that is not empty. Plain texts that other YAML readers would not take for a text are pointed out.
  public func string(_ node: ConfigurationNode, _ what: String) -> String? {
    guard let scalar = scalar(node, what, expected: "a text") else { return nil }
    guard !scalar.text.isEmpty else {
      diagnostics.error("wrong-value", at: node.location, "\(what): expected a text, found an empty one")
      return nil
    }
    warnOfTrap(scalar, at: node.location, what)
    return scalar.text
  }

  /// Points out a plain text that readers of YAML 1.1 take for something else.
  public func warnOfTrap(_ scalar: ScalarNode, at location: SourceLocation, _ what: String) {
    guard !scalar.isQuoted, let taken = ScalarMeaning.trap(scalar.text) else { return }
    diagnostics.warning(
      "yaml-trap", at: location,
      "\(what): '\(scalar.text)' is a text here, but older YAML readers take it for \(taken); quote it to say what is meant: \"\(scalar.text)\""
    )
  }

  /// `true` or `false`.
  public func bool(_ node: ConfigurationNode, _ what: String) -> Bool? {
    guard let scalar = scalar(node, what, expected: "true or false") else { return nil }
    if !scalar.isQuoted, let value = ScalarMeaning.bool(scalar.text) { return value }
    mismatch(node, what, expected: "true or false")
    return nil
  }

  /// A whole number in `range`.
  public func integer(_ node: ConfigurationNode, _ what: String, in range: ClosedRange<Int64> = .min ... .max) -> Int64? {
    guard let scalar = scalar(node, what, expected: "a whole number") else { return nil }
    guard !scalar.isQuoted, let value = ScalarMeaning.integer(scalar.text) else {
      mismatch(node, what, expected: "a whole number", hint: numberHint(scalar))
      return nil
    }
    guard range.contains(value) else {
      let expected =
        range.lowerBound == range.upperBound
        ? "\(range.lowerBound)"
        : range.upperBound == .max
          ? "a whole number of at least \(range.lowerBound)"
          : "a whole number from \(range.lowerBound) to \(range.upperBound)"
      mismatch(node, what, expected: expected, code: "wrong-value")
      return nil
    }
    return value
  }

  /// A finite number that passes `isValid`; `expected` describes those that do.
  public func number(
    _ node: ConfigurationNode, _ what: String, expected: String = "a number", where isValid: (Double) -> Bool = { _ in true }
  ) -> Double? {
    guard let scalar = scalar(node, what, expected: expected) else { return nil }
    guard !scalar.isQuoted, let value = ScalarMeaning.double(scalar.text) else {
      mismatch(node, what, expected: expected, hint: numberHint(scalar))
      return nil
    }
    guard isValid(value) else {
      mismatch(node, what, expected: expected, code: "wrong-value")
      return nil
    }
    return value
  }

  private func numberHint(_ scalar: ScalarNode) -> String {
    if scalar.isQuoted { return ScalarMeaning.double(scalar.text) != nil ? ", which is quoted and so a text" : "" }
    return ScalarMeaning.unusualNumber(scalar.text).map { ", which is \($0); write it in decimal" } ?? ""
  }

  static let durationExample = "a duration like 250ms, 10s, 5m, 1h or 1d"

  /// A duration of whole milliseconds, at least `min`.
  public func duration(_ node: ConfigurationNode, _ what: String, min: Int64 = 1) -> Int64? {
    guard let scalar = scalar(node, what, expected: Self.durationExample) else { return nil }
    guard Units.durationMilliseconds(scalar.text) != nil else {
      wrongDuration(node, scalar, what)
      return nil
    }
    guard let value = Units.wholeMilliseconds(scalar.text) else {
      mismatch(node, what, expected: "a duration of whole milliseconds", code: "wrong-unit")
      return nil
    }
    guard value >= min else {
      let least = min == 1 ? "a duration longer than 0" : "a duration of at least \(min)ms"
      mismatch(node, what, expected: least, code: "wrong-value")
      return nil
    }
    return value
  }

  /// A duration longer than 0 in milliseconds, of any fraction.
  public func fractionalDuration(_ node: ConfigurationNode, _ what: String) -> Double? {
    guard let scalar = scalar(node, what, expected: Self.durationExample) else { return nil }
    guard let value = Units.durationMilliseconds(scalar.text) else {
      wrongDuration(node, scalar, what)
      return nil
    }
    guard value >= 0, value.isFinite else {
      mismatch(node, what, expected: "a duration", code: "wrong-value")
      return nil
    }
    return value
  }

  private func wrongDuration(_ node: ConfigurationNode, _ scalar: ScalarNode, _ what: String) {
    let isNumber = ScalarMeaning.double(scalar.text) != nil
    mismatch(
      node, what, expected: Self.durationExample, code: "wrong-unit",
      hint: isNumber && !scalar.text.hasPrefix("-")
        ? ", which has no unit; did you mean '\(scalar.text)s'?" : Self.unitHint(scalar.text))
  }

  /// `1h30m`, `10 s`, `10sec` and `5 minutes` mean what one thinks.
  private static func unitHint(_ text: String) -> String {
    if let sum = sum(text) { return ", which has two units; did you mean '\(sum)'?" }
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text.dropFirst(number.count).drop { $0 == " " }.lowercased()
    let units = [
      "millis": "ms", "milliseconds": "ms", "msec": "ms", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "m",
      "mins": "m",
      "minute": "m", "minutes": "m", "hr": "h", "hour": "h", "hours": "h", "day": "d", "days": "d", "ms": "ms", "s": "s", "m": "m",
      "h": "h",
      "d": "d",
    ]
    guard !number.isEmpty, let known = units[unit] else { return "" }
    return "; did you mean '\(number)\(known)'?"
  }

  /// `90m` for `1h30m`: the sum of several durations, in the smallest unit among them; nil where the text is none.
  private static func sum(_ text: String) -> String? {
    var milliseconds = 0.0
    var unit: Substring = ""
    var rest = text[...]
    while !rest.isEmpty {
      let number = rest.prefix { $0.isASCII && $0.isNumber }
      unit = rest.dropFirst(number.count).prefix { $0.isASCII && $0.isLetter }
      guard let part = Units.durationMilliseconds("\(number)\(unit)") else { return nil }
      milliseconds += part
      rest = rest.dropFirst(number.count + unit.count)
    }
    guard let whole = Units.durationMilliseconds("1\(unit)"), milliseconds < 9e15,
      milliseconds.remainder(dividingBy: whole) == 0
    else { return nil }
    return "\(Int64(milliseconds / whole))\(unit)"
  }

  /// The address of a schema registry, over HTTP.
  public func registryURL(_ node: ConfigurationNode, _ what: String) -> String? {
    guard let text = string(node, what) else { return nil }
    let scheme = ["http://", "https://"].first { text.hasPrefix($0) }
    guard let scheme, text.count > scheme.count, !text.contains(where: \.isWhitespace) else {
      mismatch(node, what, expected: "a URL like http://localhost:8081", code: "wrong-value")
      return nil
    }
    return text
  }

  /// Events per second, more than 0.
  public func rate(_ node: ConfigurationNode, _ what: String) -> Double? {
    let expected = "a rate like 200/s, 5k/s, 1.5M/s or 90/m"
    guard let scalar = scalar(node, what, expected: expected) else { return nil }
    guard let value = Units.ratePerSecond(scalar.text) else {
      let isNumber = ScalarMeaning.double(scalar.text) != nil && !scalar.text.hasPrefix("-")
      mismatch(
        node, what, expected: expected, code: "wrong-unit",
        hint: isNumber ? ", which has no unit; did you mean '\(scalar.text)/s'?" : "")
      return nil
    }
    guard value > 0 else {
      mismatch(node, what, expected: "a rate above 0", code: "wrong-value")
      return nil
    }
    return value
  }

  /// Bytes.
  public func byteCount(_ node: ConfigurationNode, _ what: String) -> Int64? {
    let expected = "a size like 64KiB, 128MiB or 1GiB"
    guard let scalar = scalar(node, what, expected: expected) else { return nil }
    if let value = Units.byteCount(scalar.text) { return value }
    mismatch(node, what, expected: expected, code: "wrong-unit")
    return nil
  }

  /// Milliseconds since the epoch.
  public func time(_ node: ConfigurationNode, _ what: String) -> Int64? {
    let expected = "a time like 2026-01-01T00:00:00Z, or milliseconds since 1970"
    guard let scalar = scalar(node, what, expected: expected) else { return nil }
    if let value = Units.timeMilliseconds(scalar.text) { return value }
    let hint =
      TimeText.milliseconds(fromRFC3339: scalar.text + "Z") != nil
      ? ", which has no time zone; did you mean '\(scalar.text)Z'?" : ""
    mismatch(node, what, expected: expected, code: "wrong-unit", hint: hint)
    return nil
  }

  /// One of a closed set of names; those in `notBuilt` are refused by name.
  public func oneOf<Value: RawRepresentable & CaseIterable>(
    _ node: ConfigurationNode, _ what: String, _ type: Value.Type, notBuilt: [String] = []
  ) -> Value? where Value.RawValue == String {
    let names = Value.allCases.map(\.rawValue)
    return name(node, what, among: names, notBuilt: notBuilt).flatMap { Value(rawValue: $0) }
  }

  /// One of the given names; `hint` says what else is possible where none of them was probably meant.
  public func name(
    _ node: ConfigurationNode, _ what: String, among names: [String], notBuilt: [String] = [], hint: String = ""
  ) -> String? {
    let expected = Self.alternatives(names)
    guard let scalar = scalar(node, what, expected: expected) else { return nil }
    if names.contains(scalar.text) { return scalar.text }
    if notBuilt.contains(scalar.text) {
      reportNotBuilt("\(what): '\(scalar.text)'", at: node.location, hint: "; built: \(names.joined(separator: ", "))")
      return nil
    }
    let meant = Suggestion.hint(for: scalar.text, among: names + notBuilt)
    mismatch(node, what, expected: expected, code: "wrong-value", hint: meant.isEmpty ? hint : meant)
    return nil
  }

  /// `a, b or c`.
  public static func alternatives(_ names: [String]) -> String {
    names.count < 2 ? names.joined() : names.dropLast().joined(separator: ", ") + " or " + names.last!
  }

  /// The items of a list, of which there have to be at least `min`.
  public func list(_ node: ConfigurationNode, _ what: String, min: Int = 0, max: Int = .max) -> [ConfigurationNode]? {
    guard case .sequence(let items) = node.content else {
      mismatch(node, what, expected: min == max ? "a list of \(min)" : "a list")
      return nil
    }
    guard items.count >= min, items.count <= max else {
      let expected = min == max ? "a list of \(min)" : "a list of at least \(min)"
      diagnostics.error("wrong-value", at: node.location, "\(what): expected \(expected), found one of \(items.count)")
      return nil
    }
    return items
  }

  /// A value of any type, as it is written.
  public func meaning(_ node: ConfigurationNode, _ what: String) -> ScalarMeaning? {
    guard case .scalar(let scalar) = node.content else {
      mismatch(node, what, expected: "a text, a number, true, false or null")
      return nil
    }
    let meaning = ScalarMeaning(scalar)
    if case .string(let text) = meaning, !scalar.isQuoted {
      warnOfTrap(scalar, at: node.location, what)
      if let number = ScalarMeaning.unusualNumber(text) {
        diagnostics.warning(
          "yaml-trap", at: node.location,
          "\(what): '\(text)' is a text here, but YAML has it as \(number); quote it to say what is meant: \"\(text)\"")
      }
    }
    return meaning
  }
}
