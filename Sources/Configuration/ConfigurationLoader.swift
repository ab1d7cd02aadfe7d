// Reads a file or a text into nodes. Yams (libyaml) finds the structure and the marks; this adds what a person needs to hear about a
// broken file: places that count from 1, every duplicate key rather than the first, variables filled in, bounds on size and depth.

import Base
import Foundation
import Yams

/// Reads YAML (and JSON, which is a part of it) into a `ConfigurationNode`.
public struct ConfigurationLoader {
  /// Bounds on what is read, so that no file can exhaust memory or the stack.
  public static let byteCountMax = 16 << 20
  public static let nodeCountMax = 500_000
  public static let nestingDepthMax = 100
  /// How many duplicate keys are named before reading gives up.
  static let duplicateCountMax = 50

  /// What `${NAME}` stands for.
  public var environment: [String: String]
  /// Whether `${NAME}` stands for anything; not so in other programs' files.
  public var fillsVariables = true

  public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
    self.environment = environment
  }

  /// The root of the file at `path`; nil where it has no usable structure, which is then among the findings.
  ///
  /// Throws `.noInput` where the file is not there or cannot be read.
  public func load(path: String, diagnostics: Diagnostics) throws(Failure) -> ConfigurationNode? {
    load(bytes: try Self.bytes(ofFile: path), diagnostics: diagnostics)
  }

  /// The content of a file of at most `byteCountMax` bytes.
  public static func bytes(ofFile path: String) throws(Failure) -> [UInt8] {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw Failure(.noInput, "\(path): no such file")
    }
    if isDirectory.boolValue { throw Failure(.noInput, "\(path): is a directory, expected a file") }
    guard let handle = FileHandle(forReadingAtPath: path) else { throw Failure(.noInput, "\(path): cannot be read") }
    defer { try? handle.close() }
    guard let data = try? handle.read(upToCount: byteCountMax + 1) ?? Data() else {
      throw Failure(.noInput, "\(path): cannot be read")
    }
    if data.count > byteCountMax { throw Failure(.noInput, "\(path): is larger than \(byteCountMax >> 20) MiB") }
    return [UInt8](data)
  }

  /// The same for bytes that were read elsewhere.
  public func load(bytes: [UInt8], diagnostics: Diagnostics) -> ConfigurationNode? {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      diagnostics.error("syntax", at: Self.firstInvalidByte(bytes), "the file is not UTF-8 text")
      return nil
    }
    return load(text: text, diagnostics: diagnostics)
  }

  /// The same for a text.
  public func load(text: String, diagnostics: Diagnostics) -> ConfigurationNode? {
    var lines = SourceLines(text.first == "\u{feff}" ? String(text.unicodeScalars.dropFirst()) : text)
    var renamedKeys: [SourceLocation: String] = [:]
    while true {
      do {
        let parser = try Parser(yaml: lines.text, resolver: .basic, encoding: .utf8)
        guard let root = try parser.nextRoot() else {
          diagnostics.error("empty-file", at: SourceLocation(line: 1, column: 1), "the file is empty")
          return nil
        }
        var tree = YAMLTree(
          lines: lines, renamedKeys: renamedKeys, environment: fillsVariables ? environment : nil, diagnostics: diagnostics)
        let node = tree.node(root)
        if let second = try parser.nextRoot() {
          let location = second.mark.map { SourceLocation($0) } ?? SourceLocation(line: 1, column: 1)
          diagnostics.error("several-documents", at: location, "a second document begins here; expected one document per file")
        }
        if let node, node.isNull {
          diagnostics.error("empty-file", at: node.location, "the file is empty")
          return nil
        }
        return node
      } catch YamlError.duplicatedKeysInMapping(let duplicates, let context) {
        // Yams stops at the first mapping with duplicates and names only the first place. Giving that key another name lets the
        // next attempt go on, and the tree then knows both places.
        let location = SourceLocation(context.mark)
        let name = duplicates.first ?? ""
        guard renamedKeys.count < Self.duplicateCountMax, let renamed = lines.renamingKey(at: location, number: renamedKeys.count)
        else {
          diagnostics.error("duplicate-key", at: location, "duplicate key '\(name)'; the same name stands again in this mapping")
          return nil
        }
        renamedKeys[location] = name
        lines = renamed
      } catch let error as YamlError {
        Self.report(error, lines, to: diagnostics)
        return nil
      } catch {
        diagnostics.error("syntax", at: SourceLocation(line: 1, column: 1), "\(error)")
        return nil
      }
    }
  }

  private static func report(_ error: YamlError, _ lines: SourceLines, to diagnostics: Diagnostics) {
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let location = SourceLocation(mark)
      var message = problem
      if let context {
        message += " \(context.text)"
        if context.mark.line != mark.line { message += " that begins on line \(context.mark.line)" }
      }
      if lines.line(location.line).prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") {
        message += "; YAML indents with spaces, this line begins with a tab"
      }
      diagnostics.error("syntax", at: location, message)
    case .reader(let problem, let offset, _, _):
      diagnostics.error("syntax", at: lines.location(ofCharacter: offset ?? 0), problem)
    default:
      diagnostics.error("syntax", at: SourceLocation(line: 1, column: 1), "the file cannot be read as YAML")
    }
  }

  /// Where text stops being UTF-8.
  private static func firstInvalidByte(_ bytes: [UInt8]) -> SourceLocation {
    var location = SourceLocation(line: 1, column: 1)
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    while case .scalarValue(let scalar) = decoder.decode(&iterator) {
      location.column += 1
      if scalar == "\n" { location = SourceLocation(line: location.line + 1, column: 1) }
    }
    return location
  }
}

extension SourceLocation {
  /// libyaml counts columns in Unicode scalars, and so do all places here.
  init(_ mark: Mark) { self.init(line: mark.line, column: mark.column) }
}
