// Yams nodes to configuration nodes: aliases stand for what they name, duplicate keys are reported with both places, `${NAME}` is filled
// in, and depth and size stay bounded, so that aliases of aliases cannot multiply without end.

import Yams

/// Builds the nodes of one document.
struct YAMLTree {
  let lines: SourceLines
  /// The names of the keys that were given another one so that Yams went on.
  let renamedKeys: [SourceLocation: String]
  /// Nil where variables are no part of the file's language.
  let environment: [String: String]?
  let diagnostics: Diagnostics
  private var nodeCount = 0
  private var isOverfull = false
  /// Values that several aliases name are reported once.
  private var reported: Set<SourceLocation> = []

  init(lines: SourceLines, renamedKeys: [SourceLocation: String], environment: [String: String]?, diagnostics: Diagnostics) {
    self.lines = lines
    self.renamedKeys = renamedKeys
    self.environment = environment
    self.diagnostics = diagnostics
  }

  /// The node, or nil where the document is too large or too deep, which is then among the findings.
  mutating func node(_ node: Node) -> ConfigurationNode? {
    let result = convert(node, depth: 0)
    return isOverfull ? nil : result
  }

  private mutating func convert(_ node: Node, depth: Int) -> ConfigurationNode {
    let location = node.mark.map { SourceLocation($0) } ?? SourceLocation(line: 1, column: 1)
    nodeCount += 1
    if isOverfull || nodeCount > ConfigurationLoader.nodeCountMax || depth > ConfigurationLoader.nestingDepthMax {
      if !isOverfull {
        diagnostics.error(
          "too-large", at: location,
          depth > ConfigurationLoader.nestingDepthMax
            ? "nested more than \(ConfigurationLoader.nestingDepthMax) deep"
            : "more than \(ConfigurationLoader.nodeCountMax) values, aliases written out")
      }
      isOverfull = true
      return ConfigurationNode(content: .sequence([]), location: location)
    }
    switch node {
    case .scalar(let scalar): return self.scalar(scalar, at: location)
    case .sequence(let sequence):
      var items: [ConfigurationNode] = []
      for item in sequence where !isOverfull { items.append(convert(item, depth: depth + 1)) }
      return ConfigurationNode(content: .sequence(items), location: location)
    case .mapping(let mapping): return self.mapping(mapping, at: location, depth: depth)
    case .alias: return ConfigurationNode(content: .scalar(ScalarNode(text: "", isQuoted: false)), location: location)
    }
  }

  private mutating func mapping(_ mapping: Node.Mapping, at location: SourceLocation, depth: Int) -> ConfigurationNode {
    var pairs: [(key: ConfigurationNode, value: ConfigurationNode)] = []
    var firstPlaces: [String: SourceLocation] = [:]
    for (yamlKey, yamlValue) in mapping where !isOverfull {
      let key = self.key(yamlKey)
      guard let name = key.scalarText else {
        report("wrong-type", at: key.location, "expected a name as key, found \(key.foundText)")
        continue
      }
      if name == "<<", case .scalar(let scalar) = key.content, !scalar.isQuoted {
        report("syntax", at: key.location, "'<<' merges mappings in YAML 1.1 only; write the fields out, or alias a whole value")
        continue
      }
      if let first = firstPlaces[name] {
        report("duplicate-key", at: key.location, "duplicate key '\(name)'; it stands first on line \(first.line)")
        continue
      }
      firstPlaces[name] = key.location
      pairs.append((key, convert(yamlValue, depth: depth + 1)))
    }
    return ConfigurationNode(content: .mapping(pairs), location: location)
  }

  /// A key; its text is never filled in from the environment.
  private func key(_ node: Node) -> ConfigurationNode {
    let location = node.mark.map { SourceLocation($0) } ?? SourceLocation(line: 1, column: 1)
    guard case .scalar(let scalar) = node else {
      return ConfigurationNode(content: node.mapping == nil ? .sequence([]) : .mapping([]), location: location)
    }
    return ConfigurationNode(
      content: .scalar(ScalarNode(text: renamedKeys[location] ?? scalar.string, isQuoted: Self.isQuoted(scalar))),
      location: location)
  }

  private mutating func scalar(_ scalar: Node.Scalar, at location: SourceLocation) -> ConfigurationNode {
    let isQuoted = Self.isQuoted(scalar)
    var result = ScalarNode(text: scalar.string, isQuoted: isQuoted)
    if let environment, scalar.string.utf8.contains(UInt8(ascii: "$")) {
      result.text = Interpolation.fill(scalar.string, from: environment) { name, message in
        report("unset-variable", at: location, message)
      }
    }
    if result.text == scalar.string, scalar.style != .literal, scalar.style != .folded {
      result.verbatimLocation = lines.verbatimLocation(of: scalar.string, isQuoted: isQuoted, at: location)
    }
    return ConfigurationNode(content: .scalar(result), location: location)
  }

  private mutating func report(_ code: String, at location: SourceLocation, _ message: String) {
    guard reported.insert(location).inserted else { return }
    diagnostics.error(code, at: location, message)
  }

  private static func isQuoted(_ scalar: Node.Scalar) -> Bool {
    switch scalar.style {
    case .any, .plain: false
    case .singleQuoted, .doubleQuoted, .literal, .folded: true
    }
  }
}
