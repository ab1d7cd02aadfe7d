// Batch runs of a pipeline as `freshet batch` and `freshet serve` start them: archives opened, rows sent where they belong, memory and threads shared out.

import Base
import Batch
import Configuration
import Features
import Foundation
import LocalTransport
import Records
import RedisStore

struct BatchLauncher {
  enum Target {
    case redis(RedisAddress, prefix: String)
    case standardOutput
    case file(String)
    case null
  }

  let pipeline: PipelineDefinition
  let target: Target
  var settings = BatchRunSettings()

  init(_ pipeline: PipelineDefinition, to: String?, threads: String? = nil, memory: String? = nil) throws {
    self.pipeline = pipeline
    target = try Self.target(to, pipeline)
    settings.isStopRequested = { Interrupts.stopRequested }
    settings.temporaryFolder = Self.temporaryFolder
    let threadText = threads ?? "\(ProcessInfo.processInfo.activeProcessorCount)"
    guard let threadCount = Int(threadText), (1...256).contains(threadCount) else {
      throw Failure(.usage, "--threads: expected 1 to 256, found '\(threadText)'")
    }
    settings.threadCount = threadCount
    settings.memoryByteCount = Int(clamping: ProcessInfo.processInfo.physicalMemory / 2)
    if let memory {
      guard let value = Units.byteCount(memory), value >= Self.memoryByteCountMin else {
        throw Failure(.usage, "--memory: expected a size of at least 16MiB like 512MiB or 4GiB, found '\(memory)'")
      }
      settings.memoryByteCount = Int(value)
    }
  }

  private static let memoryByteCountMin: Int64 = 16 << 20

  private static var temporaryFolder: String {
    let folder = NSTemporaryDirectory()
    return folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
  }

  private static func target(_ text: String?, _ pipeline: PipelineDefinition) throws -> Target {
    let prefix = pipeline.sink?.prefix ?? RedisSinkDefinition.defaultPrefix
    switch text {
    case nil, "redis":
      guard let sink = pipeline.sink else {
        throw Failure(
          .usage,
          "pipeline '\(pipeline.name)' has no 'sink:'; say where to write with --to redis://HOST:PORT, stdout or file:PATH")
      }
      return .redis(try RedisAddress(sink.url), prefix: prefix)
    case "stdout", "-": return .standardOutput
    case "null": return .null
    case let text? where text.hasPrefix("file:") && text.count > 5: return .file(String(text.dropFirst(5)))
    case let text? where text.hasPrefix("redis"): return .redis(try RedisAddress(text), prefix: prefix)
    case let text?:
      throw Failure(
        .usage, "--to: expected redis, redis://HOST:PORT[/DB], redis+unix:///PATH, stdout or file:PATH, found '\(text)'")
    }
  }

  /// The archive of a source.
  static func archive(of source: Int, in pipeline: PipelineDefinition) throws(Failure) -> ArchiveCatalog {
    guard let archive = pipeline.archive else {
      throw Failure(.usage, "pipeline '\(pipeline.name)' has no 'archive:', which batch runs and training sets read")
    }
    guard archive.sources.contains(source) else {
      throw Failure(
        .usage,
        "the archive of pipeline '\(pipeline.name)' leaves source '\(pipeline.sources[source].name)' out ('archive.sources')")
    }
    return try ArchiveCatalog(path: archive.path, source: pipeline.sources[source].name)
  }

  /// Where the rows go; nil takes what --to says, a path a file of that name.
  func output(file: String? = nil) throws -> any BatchOutput {
    let views = pipeline.views.map { StoredView($0, entities: pipeline.entities) }
    if let file { return NDJSONBatchOutput(views, path: file) }
    switch target {
    case .redis(let address, let prefix):
      let connection = try RedisConnection(
        address, password: RedisAddress.password(environment: ProcessInfo.processInfo.environment))
      return RedisBatchPublisher(connection, pipeline: pipeline, prefix: prefix) { try Self.pause($0) }
    case .standardOutput: return NDJSONBatchOutput(views, path: nil)
    case .file(let path): return NDJSONBatchOutput(views, path: path)
    case .null: return NullBatchOutput()
    }
  }

  /// As of when views were last published; none where rows do not go to Redis.
  func publishedCutoffs() throws -> [Int: Int64] {
    guard case .redis(let address, let prefix) = target else { return [:] }
    let connection = try RedisConnection(
      address, password: RedisAddress.password(environment: ProcessInfo.processInfo.environment))
    let keys = pipeline.views.map { BatchPointer.key(prefix: prefix, pipeline: pipeline.name, view: $0.name) }
    var cutoffs: [Int: Int64] = [:]
    for (view, fields) in try RedisReader(connection).hashes(keys).enumerated() {
      cutoffs[view] = BatchPointer(fields)?.asOf
    }
    return cutoffs
  }

  /// A run of these views, not yet begun.
  func run(views: [Int], cutoff: Int64) throws -> BatchRun {
    var archives: [Int: any ArchivedRecords] = [:]
    for source in Set(views.map { pipeline.views[$0].source }) { archives[source] = try Self.archive(of: source, in: pipeline) }
    return try BatchRun(pipeline, views: views, cutoff: cutoff, archives: archives, settings: settings)
  }

  /// Waits, and throws where the end has been asked for.
  static func pause(_ milliseconds: Int64) throws {
    let end = SystemClock().monotonicNanoseconds + UInt64(max(0, milliseconds)) * 1_000_000
    while SystemClock().monotonicNanoseconds < end {
      if Interrupts.stopRequested { throw StopRequested() }
      usleep(10_000)
    }
  }
}

/// Rows as lines of JSON: on stdout as they come, or in a file that has its name only when it is whole.
private final class NDJSONBatchOutput: BatchOutput {
  var name: String { path.map { "file:\($0)" } ?? "stdout" }
  private let views: [StoredView]
  private let path: String?
  private var writer: FileDescriptorWriter?
  private var store: NDJSONRowStore?

  init(_ views: [StoredView], path: String?) {
    self.views = views
    self.path = path
  }

  private var partPath: String? { path.map { "\($0).part" } }

  func begin(_ run: BatchRunIdentity) throws {
    let writer =
      try partPath.map { try FileDescriptorWriter(path: $0) } ?? FileDescriptorWriter(descriptor: STDOUT_FILENO, name: "stdout")
    self.writer = writer
    store = NDJSONRowStore(views: views, output: writer)
  }

  func write(_ rows: FeatureRowBatch) throws { try store?.write(rows) }
  func keepAlive() throws {}

  func publish() throws {
    guard let path, let partPath, let writer else { return }
    try writer.synchronize()
    try writer.close()
    guard rename(partPath, path) == 0 else {
      throw Failure(.inputOutput, "cannot give '\(partPath)' the name '\(path)': \(String(cString: strerror(errno)))")
    }
  }

  func abandon() {
    if let partPath, writer != nil { unlink(partPath) }
  }
}

private final class NullBatchOutput: BatchOutput {
  let name = "null"
  func begin(_ run: BatchRunIdentity) throws {}
  func write(_ rows: FeatureRowBatch) throws {}
  func keepAlive() throws {}
  func publish() throws {}
  func abandon() {}
}
