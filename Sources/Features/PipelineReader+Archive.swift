// Where events are kept for batch runs.

import Base
import Configuration

extension PipelineReader {
  func readArchive(_ reader: MappingReader) -> ArchiveDefinition? {
    let path = reader.required("path").flatMap { values.string($0, reader.what("path")) }
    let format = reader.oneOf("format", ArchiveDefinition.Format.self, notBuilt: ["parquet", "avro"])
    let roll = reader.mapping("roll", main: "every")
    let every = roll?.duration("every")
    let size = roll?.node("size").flatMap { values.byteCount($0, roll!.what("size")) }
    roll?.finish(notBuilt: ["count"])
    var archived = Array(sources.indices)
    if let node = reader.node("sources"), let items = values.list(node, reader.what("sources"), min: 1) {
      archived = items.compactMap { item in
        values.name(item, "an item in \(reader.what("sources"))", among: sourceNames).flatMap { name in
          sources.firstIndex { $0.name == name }
        }
      }
    }
    reader.finish(notBuilt: ["retain", "partition_by", "compression", "url"])
    if let path, path.contains("://") {
      diagnostics.error(
        "wrong-value", at: reader.node("path")!.location, "\(reader.what("path")): expected a directory, found '\(path)'")
    }
    for source in archived {
      if sources[source].eventTime.path.map(\.isMetadata) ?? true {
        diagnostics.error(
          "not-built", at: reader.node("sources")?.location ?? reader.location,
          "'archive': source '\(sources[source].name)' takes event times from the records' own timestamps, and an archive keeps only values"
        )
      }
      if case .avro = sources[source].format, let place = reader.node("sources")?.location ?? Optional(reader.location) {
        diagnostics.error(
          "not-built", at: place,
          "'archive': source '\(sources[source].name)' is read as Avro, and only JSON can be archived in this version")
      }
    }
    guard let path else { return nil }
    return ArchiveDefinition(
      path: path, format: format ?? .zstd, rollEveryMilliseconds: every ?? ArchiveDefinition.defaultRollEveryMilliseconds,
      rollByteCount: size ?? ArchiveDefinition.defaultRollByteCount, sources: archived)
  }
}
