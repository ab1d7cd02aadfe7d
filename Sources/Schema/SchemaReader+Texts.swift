// Generators of texts, which all become `TextPiece`s: patterns, templates, addresses, sentences; and of times and places.

import Base
import Configuration
import Foundation

extension SchemaReader {
  /// A regular expression.
  func pattern(_ node: ConfigurationNode, _ what: String) -> FieldGenerator? {
    guard let text = values.string(node, what) else { return nil }
    do {
      return .text(try PatternParser.pieces(of: text))
    } catch {
      diagnostics.error(
        "wrong-value", at: place(ofCharacter: error.character, in: node),
        "\(what): \(error.message) (at character \(error.character) of '\(text)')")
      return nil
    }
  }

  /// Where in a file the character of a scalar stands; its beginning, where its text does not stand there as it is.
  private func place(ofCharacter number: Int, in node: ConfigurationNode) -> SourceLocation {
    guard case .scalar(let scalar) = node.content, var place = scalar.verbatimLocation else { return node.location }
    place.column += scalar.text.prefix(number - 1).unicodeScalars.count
    return place
  }

  /// `{user.name} bought {n}`: what `from` can name, and names from `with`; `{{` and `}}` are braces.
  func template(_ node: ConfigurationNode, _ reader: MappingReader, _ owner: FieldOwner) -> FieldGenerator? {
    let what = reader.what("template")
    var named: [String: FieldGenerator] = [:]
    var unused: [(name: String, location: SourceLocation)] = []
    var isWhole = true
    if let inner = reader.mapping("with") {
      for pair in inner.pairs {
        values.checkName(pair.name, "a name in \(reader.what("with"))", at: pair.key.location)
        unused.append((pair.name, pair.key.location))
        let generator = nestedGenerator(pair.value, inner.what(pair.name), owner)
        if generator == nil { isWhole = false }
        named[pair.name] = generator ?? Self.placeholder
      }
    }
    guard let text = values.string(node, what) else { return nil }
    guard let parts = Self.templateParts(text) else {
      values.mismatch(
        node, what, expected: "a text with names in braces, as in {user.name}, and {{ or }} for a brace itself", code: "wrong-value"
      )
      return nil
    }
    var pieces: [TextPiece] = []
    for part in parts {
      switch part {
      case .literal(let text): pieces.append(.literal(text))
      case .name(let name):
        let generator: FieldGenerator?
        if let known = named[name] {
          generator = known
          unused.removeAll { $0.name == name }
        } else if name.contains(".") {
          generator = from(name, node, what, owner)
        } else {
          unknown(node, what, "no name '\(name)' in 'with'", name, named.keys.sorted())
          generator = nil
        }
        guard let generator else {
          isWhole = false
          continue
        }
        guard kinds(of: generator, owner).isDisjoint(with: [.object, .list]) else {
          diagnostics.error("wrong-type", at: node.location, "\(what): '\(name)' is a list or a mapping, which a text cannot hold")
          isWhole = false
          continue
        }
        pieces.append(.value(generator))
      }
    }
    for (name, location) in unused {
      diagnostics.warning("unused", at: location, "\(what) does not use '\(name)' of 'with'")
    }
    return isWhole ? .text(pieces) : nil
  }

  private enum TemplatePart {
    case literal(String)
    case name(String)
  }

  private static func templateParts(_ text: String) -> [TemplatePart]? {
    var parts: [TemplatePart] = []
    var literal = ""
    var rest = text[...]
    while let character = rest.first {
      rest = rest.dropFirst()
      if character == "{" || character == "}", rest.first == character {
        literal.append(character)
        rest = rest.dropFirst()
      } else if character == "}" {
        return nil
      } else if character == "{" {
        guard let close = rest.firstIndex(of: "}"), close > rest.startIndex, !rest[..<close].contains("{") else { return nil }
        if !literal.isEmpty { parts.append(.literal(literal)) }
        literal = ""
        parts.append(.name(rest[..<close].trimmingCharacters(in: .whitespaces)))
        rest = rest[rest.index(after: close)...]
      } else {
        literal.append(character)
      }
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
    return parts
  }

  // MARK: - Times

  private static let timeFormats: [TimeFormat] = [
    .rfc3339Milliseconds, .rfc3339Seconds, .epochMilliseconds, .epochSeconds, .epochMicroseconds,
  ]

  func time(_ node: ConfigurationNode, _ reader: MappingReader, _ owner: FieldOwner) -> FieldGenerator? {
    let what = reader.what("time")
    let source: TimeSource?
    if case .mapping = node.content {
      source = MappingReader(node, what, values).flatMap(between)
    } else {
      source = values.name(node, what, among: ["event", "sent"], hint: "; or { between: [A, B] }").map {
        $0 == "event" ? .event : .sent
      }
      if case .entity = owner, source != nil {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation("time"),
          "\(what): the rows of an entity have no time of their own; use { between: [A, B] }")
        return nil
      }
    }
    let format = reader.node("format").map { timeFormat($0, reader.what("format")) } ?? .rfc3339Milliseconds
    guard let source, let format else { return nil }
    return .time(source, format)
  }

  private func between(_ reader: MappingReader) -> TimeSource? {
    let node = reader.required("between")
    reader.finish()
    let what = reader.what("between")
    guard let node, let items = values.list(node, what, min: 2, max: 2),
      let low = boundedTime(items[0], "the lower bound in \(what)"), let high = boundedTime(items[1], "the upper bound in \(what)")
    else { return nil }
    guard low <= high else {
      diagnostics.error("wrong-value", at: items[0].location, "\(what): the lower bound lies after the upper bound")
      return nil
    }
    return .between(low...high)
  }

  /// A time that RFC 3339 can write.
  func boundedTime(_ node: ConfigurationNode, _ what: String) -> Int64? {
    guard let time = values.time(node, what) else { return nil }
    guard (-62_167_219_200_000...253_402_300_799_999).contains(time) else {
      values.mismatch(node, what, expected: "a time in the years 0 to 9999", code: "wrong-value")
      return nil
    }
    return time
  }

  private func timeFormat(_ node: ConfigurationNode, _ what: String) -> TimeFormat? {
    guard let text = node.scalarText, text.contains("%") else {
      let names = Self.timeFormats.map(\.name)
      guard let name = values.name(node, what, among: names, hint: "; or a pattern such as \"%Y-%m-%d %H:%M:%S\"") else {
        return nil
      }
      return Self.timeFormats.first { $0.name == name }
    }
    do {
      return .pattern(try TimePattern.pieces(of: text))
    } catch {
      diagnostics.error(
        "wrong-value", at: place(ofCharacter: error.character, in: node),
        "\(what): \(error.message) (at character \(error.character) of '\(text)')")
      return nil
    }
  }

  // MARK: - Addresses and words

  func address(_ node: ConfigurationNode, _ what: String) -> FieldGenerator? {
    switch node.scalarText {
    case "v4": return .text(NetworkAddresses.publicV4)
    case "v6": return .text(NetworkAddresses.publicV6)
    default:
      guard let text = node.scalarText, let pieces = NetworkAddresses.pieces(ofNetwork: text) else {
        values.mismatch(node, what, expected: "v4, v6 or a network such as 10.0.0.0/8", code: "wrong-value")
        return nil
      }
      return .text(pieces)
    }
  }
}
