// The schema that a command was given: Freshet's own, or another program's, converted on the fly.

import Base
import Configuration
import Foreign
import Foundation
import Schema

enum SchemaSource {
  /// The schema at `path` and what the file says about a run, which options win over. Findings about a converted file have places in that file.
  /// Warnings go to stderr.
  static func load(path: String) throws(Failure) -> (schema: EventSchema, run: RunDefaults) {
    guard ForeignReader.isForeign(path: path) else {
      return (try SchemaReader.load(path: path) { Terminal.print(toError: $0.description) }, RunDefaults())
    }
    let diagnostics = Diagnostics(file: path)
    let read = try readForeign(path: path, diagnostics)
    try diagnostics.throwIfErrors()
    for finding in diagnostics.all { Terminal.print(toError: finding.description) }
    guard let read else { throw Failure(.badConfiguration, "\(path): error[syntax]: the file cannot be read") }
    return read
  }

  /// Another program's file, converted; nil exactly when the diagnostics hold an error.
  static func readForeign(
    path: String, _ diagnostics: Diagnostics
  ) throws(Failure) -> (schema: EventSchema, run: RunDefaults)? {
    guard let foreign = try ForeignReader.read(path: path, diagnostics: diagnostics) else { return nil }
    guard foreign.format.isDescription else {
      throw Failure(.badConfiguration, "\(path): is a sample of data, not a schema; freshet init --from \(path) infers one from it")
    }
    let schema = SchemaReader.read(
      foreign.document.configurationNode(), directory: ResourcePath.directory(of: path), diagnostics: diagnostics)
    return schema.map { ($0, foreign.run) }
  }
}
