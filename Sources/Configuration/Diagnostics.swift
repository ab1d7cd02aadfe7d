// What is wrong with a file: every finding of one pass, in the order of the file, each with its place.

import Base

/// One finding: `features.yaml:28:9: error[unknown-field]: unknown field 'windw' in feature 'views_5m'; did you mean 'window'?`
public struct Diagnostic: Equatable, Sendable, CustomStringConvertible {
  public enum Severity: String, Sendable {
    case error
    case warning
  }

  public var severity: Severity
  /// A stable name for the kind of finding, in kebab case.
  public var code: String
  public var file: String
  public var location: SourceLocation
  public var message: String

  public var description: String {
    "\(file):\(location.line):\(location.column): \(severity.rawValue)[\(code)]: \(message)"
  }
}

/// Collects the findings about one file, or about several that belong together.
public final class Diagnostics {
  /// The name shown for the file, as the user gave it.
  public let file: String
  private var found: [Diagnostic] = []
  private var unsetVariables: Set<SourceLocation> = []
  /// Paths of the files that the file names, whether they could be read or not.
  public private(set) var resources: [String] = []

  public init(file: String) { self.file = file }

  public func error(_ code: String, at location: SourceLocation, _ message: String) {
    // What stands where a variable is not set is not what the user will have there.
    guard !unsetVariables.contains(location) else { return }
    if code == "unset-variable" { unsetVariables.insert(location) }
    found.append(Diagnostic(severity: .error, code: code, file: file, location: location, message: message))
  }

  public func warning(_ code: String, at location: SourceLocation, _ message: String) {
    found.append(Diagnostic(severity: .warning, code: code, file: file, location: location, message: message))
  }

  /// Takes over the findings about another file.
  public func merge(_ other: Diagnostics) { found += other.found }

  /// Notes that the file names another one.
  public func note(resource path: String) {
    if !resources.contains(path) { resources.append(path) }
  }

  /// All findings: this file's first, then those of the files that were taken over, each in the order of the file.
  public var all: [Diagnostic] {
    var files = [file: 0]
    for finding in found where files[finding.file] == nil { files[finding.file] = files.count }
    return found.enumerated().sorted { a, b in
      (files[a.element.file]!, a.element.location, a.offset) < (files[b.element.file]!, b.element.location, b.offset)
    }.map(\.element)
  }

  public var hasErrors: Bool { found.contains { $0.severity == .error } }
}

extension Diagnostics {
  /// Ends the command when the file has errors: exit code 78, one line per finding.
  public func throwIfErrors() throws(Failure) {
    guard hasErrors else { return }
    throw Failure(.badConfiguration, all.map(\.description).joined(separator: "\n"))
  }
}
