// `verify --lanes`: the log of what was served, and the archive, into a comparison.

import Base
import Batch
import Features
import LocalTransport
import Records

enum LaneCheckRun {
  /// - Parameter archivePath: In place of the pipeline's.
  static func report(
    _ definition: PipelineDefinition, log: String, archivePath: String?, tolerance: Double
  ) throws -> LaneCheckReport {
    let reader = try read(log, definition)
    guard !reader.values.isEmpty || reader.requestValueCount > 0 else {
      throw Failure(.badData, "--served: '\(log)' holds no value")
    }
    var archives: [Int: any ArchivedRecords] = [:]
    for source in Set(reader.values.map { definition.views[$0.view].source }) {
      if let archivePath {
        archives[source] = try ArchiveCatalog(path: archivePath, source: definition.sources[source].name)
      } else {
        archives[source] = try BatchLauncher.archive(of: source, in: definition)
      }
    }
    let check = LaneCheck(definition, archives: archives, tolerance: tolerance) {
      if Interrupts.stopRequested { throw StopRequested() }
    }
    return try check.run(reader.values)
  }

  private static func read(_ path: String, _ definition: PipelineDefinition) throws -> ServedValueReader {
    let source = try LineSource(path: path)
    let reader = ServedValueReader(definition, name: path)
    let batch = RecordBatch()
    while true {
      switch try source.poll(into: batch, maximumCount: 4096, timeoutMilliseconds: 1000) {
      case .records: try reader.read(batch)
      case .endOfInput:
        try source.close()
        return reader
      default: continue
      }
    }
  }
}
