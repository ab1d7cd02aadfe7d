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
    let foreign = try ForeignReader.load(path: path) { Terminal.print(toError: $0.description) }
    guard foreign.format.isDescription else {
      throw Failure(.badConfiguration, "\(path): is a sample of data, not a schema; freshet init --from \(path) infers one from it")
    }
    let diagnostics = Diagnostics(file: path)
    let schema = SchemaReader.read(
      foreign.document.configurationNode(), directory: (path as NSString).deletingLastPathComponent, diagnostics: diagnostics)
    try diagnostics.throwIfErrors()
    for finding in diagnostics.all { Terminal.print(toError: finding.description) }
    guard let schema else { throw Failure(.badConfiguration, "\(path): error[syntax]: the file cannot be read") }
    return (schema, foreign.run)
  }
}
