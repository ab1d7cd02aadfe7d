// Reads a mapping by the names of its fields, remembers which were asked for, and at the end reports the others: as unknown, with the
// name that was probably meant, or as a part of the language that this version does not build.

import Base

/// Reads the fields of one mapping. Call `finish` last.
public final class MappingReader {
  /// How messages name the mapping: `feature 'views_5m'`; nil for the document itself.
  public let subject: String?
  public let location: SourceLocation
  public let values: ValueReader
  /// In the order of the file.
  public let pairs: [(name: String, key: ConfigurationNode, value: ConfigurationNode)]
  private var known: [String] = []
  private var indices: [String: Int] = [:]
  private var missing: [(name: String, hint: String)] = []

  public var diagnostics: Diagnostics { values.diagnostics }

  /// Nil, with a finding, where the node is no mapping. A value alone was probably meant as the field `main`.
  public init?(_ node: ConfigurationNode, _ subject: String?, _ values: ValueReader, main: String? = nil) {
    self.values = values
    guard case .mapping(let pairs) = node.content else {
      var hint = ""
      if let main, let text = node.scalarText, !node.isNull { hint = "; did you mean { \(main): \(text) }?" }
      values.mismatch(node, subject ?? "the file", expected: "a mapping", hint: hint)
      return nil
    }
    self.subject = subject
    location = node.location
    self.pairs = pairs.map { ($0.key.scalarText ?? "", $0.key, $0.value) }
    for (index, pair) in self.pairs.enumerated() { indices[pair.name] = index }
  }

  /// How messages name a field: `'count' of entity 'user'`.
  public func what(_ name: String) -> String { subject.map { "'\(name)' of \($0)" } ?? "'\(name)'" }

  /// Whether the field is there.
  public func has(_ name: String) -> Bool { indices[name] != nil }

  /// The node of a field, nil where it is absent.
  public func node(_ name: String) -> ConfigurationNode? {
    if !known.contains(name) { known.append(name) }
    return indices[name].map { pairs[$0].value }
  }

  /// The place of a field's name, or of the mapping where the field is absent.
  public func keyLocation(_ name: String) -> SourceLocation { indices[name].map { pairs[$0].key.location } ?? location }

  /// The node of a field that has to be there.
  public func required(_ name: String) -> ConfigurationNode? {
    if let node = node(name) { return node }
    reportMissing(name)
    return nil
  }

  /// Notes that a field has to be there; `finish` reports it.
  public func reportMissing(_ name: String, hint: String = "") { missing.append((name, hint)) }

  // MARK: - Typed fields

  public func string(_ name: String) -> String? { node(name).flatMap { values.string($0, what(name)) } }
  public func bool(_ name: String) -> Bool? { node(name).flatMap { values.bool($0, what(name)) } }
  public func duration(_ name: String, min: Int64 = 1) -> Int64? {
    node(name).flatMap { values.duration($0, what(name), min: min) }
  }

  public func integer(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
    node(name).flatMap { values.integer($0, what(name), in: range) }
  }

  public func oneOf<Value: RawRepresentable & CaseIterable>(
    _ name: String, _ type: Value.Type, notBuilt: [String] = []
  ) -> Value? where Value.RawValue == String {
    node(name).flatMap { values.oneOf($0, what(name), type, notBuilt: notBuilt) }
  }

  /// A mapping inside this one; `main` is the field that a value alone would have meant.
  public func mapping(_ name: String, as subject: String? = nil, main: String? = nil) -> MappingReader? {
    node(name).flatMap { MappingReader($0, subject ?? what(name), values, main: main) }
  }

  /// A mapping whose names the user chooses, at least one.
  public func names(_ name: String) -> MappingReader? {
    guard let node = required(name), let reader = MappingReader(node, what(name), values) else { return nil }
    if reader.pairs.isEmpty { values.mismatch(node, what(name), expected: "at least one entry", code: "wrong-value") }
    return reader
  }

  // MARK: - The rest

  /// Reports every field that was not asked for, and every one that is missing. Those in `notBuilt` belong to the language; those in
  /// `ignoring` have been dealt with; `meant` says what is meant by names from elsewhere.
  public func finish(notBuilt: [String] = [], ignoring: [String] = [], meant others: [String: String] = [:]) {
    let place = subject.map { " in \($0)" } ?? ""
    var misspelt: Set<String> = []
    for pair in pairs where !known.contains(pair.name) && !ignoring.contains(pair.name) {
      if notBuilt.contains(pair.name) {
        values.reportNotBuilt("'\(pair.name)'\(place)", at: pair.key.location)
        continue
      }
      let meant =
        others[pair.name]
        ?? Suggestion.nearest(to: pair.name, among: known.filter { !has($0) } + known.filter { has($0) } + notBuilt)
      if let meant { misspelt.insert(meant) }
      let hint = meant.map { "; did you mean '\($0)'?" } ?? ""
      diagnostics.error("unknown-field", at: pair.key.location, "unknown field '\(pair.name)'\(place)\(hint)")
    }
    // A misspelt name has its finding already.
    for (name, hint) in missing where !misspelt.contains(name) {
      diagnostics.error("missing-field", at: location, "missing field '\(name)'\(place)\(hint)")
    }
  }
}
