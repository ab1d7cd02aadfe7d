// `options` of avro-random-generator that stand in a file beside the schema: a JSON list, or JSON values one after the other.

import Base
import Configuration

struct AvroOptionsFile {
  let values: ValueReader
  let directory: String
  /// How messages name the field.
  let subject: String

  init(_ values: ValueReader, _ directory: String, _ subject: String) {
    self.values = values
    self.directory = directory
    self.subject = subject
  }

  /// The values of `{ file, encoding }`; nil with a finding.
  func items(_ node: ConfigurationNode) -> [ConfigurationNode]? {
    guard let reader = MappingReader(node, "'options' of \(subject)", values) else { return nil }
    let fileNode = reader.required("file")
    let file = fileNode.flatMap { values.string($0, reader.what("file")) }
    let encoding = reader.required("encoding")
    reader.finish()
    guard let file, let fileNode, let encoding,
      let kind = values.name(encoding, reader.what("encoding"), among: ["json", "binary"])
    else {
      return nil
    }
    guard kind == "json" else {
      values.diagnostics.error(
        "no-equivalent", at: encoding.location, "\(reader.what("encoding")): binary options cannot be read; write them as JSON")
      return nil
    }
    do {
      return try items(ofFile: ResourcePath.resolve(file, in: directory))
    } catch let failure as Failure {
      values.diagnostics.error("no-file", at: fileNode.location, "\(reader.what("file")): \(failure.message)")
    } catch let error as JSONDocumentError {
      values.diagnostics.error(
        "syntax", at: fileNode.location,
        "\(reader.what("file")): \(file):\(error.location.line):\(error.location.column): \(error.message)")
    } catch {
      values.diagnostics.error("no-file", at: fileNode.location, "\(reader.what("file")): \(error)")
    }
    return nil
  }

  /// The places in the values would be those of another file, so all get the place of the file's name by having none.
  private func items(ofFile path: String) throws -> [ConfigurationNode] {
    let bytes = try ConfigurationLoader.bytes(ofFile: path)
    if let root = try? JSONDocumentReader.read(bytes), case .sequence(let items) = root.content { return try limited(items) }
    var items: [ConfigurationNode] = []
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated()
    where line.contains(where: { ![0x20, 0x09, 0x0d].contains($0) }) {
      items.append(try JSONDocumentReader.read(Array(line), line: index + 1))
    }
    return try limited(items)
  }

  private func limited(_ items: [ConfigurationNode]) throws -> [ConfigurationNode] {
    guard items.count <= AvroGenerators.optionCountMax else {
      throw Failure(.badConfiguration, "holds \(items.count) values, expected at most \(AvroGenerators.optionCountMax)")
    }
    return items
  }
}
