// What the tests of conversions share: a text in, the YAML or the findings out.

import Base
import Configuration
import Foundation
import Schema

@testable import Foreign

/// The outcome of a conversion.
struct Conversion {
  var schema: ForeignSchema?
  /// Without the file's name in front.
  var findings: [String]
  var text: String { schema?.text ?? "" }
  /// The lines of the document from the one that is `from` on, without it.
  func lines(after from: String) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let index = lines.firstIndex(of: from[...]) else { return text }
    return lines[(index + 1)...].joined(separator: "\n")
  }
}

/// A folder of its own that goes away with it.
final class Folder {
  let path = NSTemporaryDirectory() + "foreign-" + UUID().uuidString

  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ text: String, as name: String) throws -> String {
    let file = "\(path)/\(name)"
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    return file
  }
}

/// Converts a text that stands in the file `name`.
func convert(_ text: String, as name: String = "sample.json", beside files: [String: String] = [:]) throws -> Conversion {
  let folder = try Folder()
  for (name, text) in files { try folder.write(text, as: name) }
  let file = try folder.write(text, as: name)
  let diagnostics = Diagnostics(file: "f")
  let schema = try ForeignReader.read(path: file, diagnostics: diagnostics)
  return Conversion(
    schema: schema, findings: diagnostics.all.map { String($0.description.dropFirst(2)).replacing(folder.path, with: "DIR") })
}

extension Conversion {
  /// What the reader of schemas says against the document: as it is printed, and as `generate` reads it, which has to be the same. Parts of
  /// the language that are not built yet are no fault of a conversion.
  var schemaFindings: [String] {
    guard let schema else { return ["no schema"] }
    let printed = Diagnostics(file: "p")
    let direct = Diagnostics(file: "d")
    _ = SchemaReader.read(text: schema.text, loader: ConfigurationLoader(environment: [:]), diagnostics: printed)
    _ = SchemaReader.read(schema.document.configurationNode(), directory: "", diagnostics: direct)
    func messages(_ diagnostics: Diagnostics) -> [String] {
      diagnostics.all.filter { $0.code != "not-built" }.map { "\($0.code): \($0.message)" }
    }
    let both = messages(printed)
    return both.sorted() == messages(direct).sorted() ? both : ["printed: \(both)", "direct: \(messages(direct))"]
  }
}
