// The file of `generate --truth`: what the generator's log has collected, in large writes.

import Base
import Configuration
import Generation
import LocalTransport

final class TruthOutput {
  /// What is worth a write.
  static let chunkByteCount = 1 << 16

  let settings: TruthSettings
  private let writer: FileDescriptorWriter

  /// Nil where no truth was asked for.
  init?(
    path: String?, bucket: String?, schemaPath: String, format: String?, _ options: GenerateOptions, isResumed: Bool
  ) throws {
    guard let path else {
      guard bucket == nil else { throw Failure(.usage, "--truth-bucket: expected --truth with it") }
      return nil
    }
    let length = try bucket.map { text throws(Failure) in try Arguments.duration(text, "--truth-bucket") }
    guard length ?? 1 > 0 else { throw Failure(.usage, "--truth-bucket: expected a length above 0") }
    // What the log says is a function of one start and one load.
    guard !isResumed else { throw Failure(.usage, "--truth: a truth is about a whole stream; expected no --resume with it") }
    guard !options.searchesRate else { throw Failure(.usage, "--truth: a truth is about one load; expected no --rate max with it") }
    settings = TruthSettings(
      schemaPath: schemaPath, format: format, programVersion: Freshet.version,
      bucketMilliseconds: length ?? TruthSettings.defaultBucketMilliseconds, isRealTime: options.isRealTime)
    writer = try FileDescriptorWriter(path: path)
  }

  /// Writes what the log holds, and empties it.
  func write(_ log: TruthLog?) throws {
    guard let log else { return }
    do {
      try writer.write(UnsafeRawBufferPointer(log.text.bytes))
    } catch is ClosedPipe {
      throw Failure(.inputOutput, "cannot write the truth to \(writer.name): nobody reads it")
    }
    log.text.removeAll()
  }
}
