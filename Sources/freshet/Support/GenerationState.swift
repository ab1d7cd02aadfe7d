// Where a stream stopped, as a small JSON file: what was generated is a function of the schema and the settings, so their fingerprint and the
// number of records are all that a later run needs to go on.

import Base
import Foundation
import Generation
import Records
import Schema

struct GenerationState: Codable {
  static let currentVersion = 1

  var version = Self.currentVersion
  /// For people: the schema's path as it was given.
  var schema: String
  /// Of the schema's file and of everything that decides which records there are.
  var fingerprint: String
  var startMilliseconds: Int64
  /// Records handed to the sink and delivered.
  var records: Int64
  /// Of the last record, nil before the first.
  var eventTime: String?

  /// What the records depend on beside their number.
  static func fingerprint(ofSchemaAt path: String, _ options: GenerateOptions) throws(Failure) -> String {
    guard let data = FileManager.default.contents(atPath: path) else { throw Failure(.noInput, "cannot read '\(path)'") }
    var text = "\(options.seed)|\(options.shard.index)/\(options.shard.count)|\(options.streamName ?? "")"
    text += "|\(options.load.map { "\($0)" } ?? "")"
    let bytes = [UInt8](data) + Array(text.utf8)
    return bytes.withUnsafeBufferPointer { String(Hash.bytes($0.baseAddress!, count: $0.count), radix: 16) }
  }

  /// Whether an earlier run has left its place.
  static func isThere(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// The state in a file, nil where there is no file yet.
  static func read(_ path: String) throws(Failure) -> GenerationState? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.inputOutput, "--resume: cannot read '\(path)'")
    }
    do {
      let state = try JSONDecoder().decode(GenerationState.self, from: data)
      guard state.version == currentVersion, state.records >= 0,
        GenerationSettings.representableMilliseconds.contains(state.startMilliseconds)
      else { throw Failure(.badConfiguration, "--resume: '\(path)' is of version \(state.version); expected \(currentVersion)") }
      return state
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(
        .badConfiguration, "--resume: '\(path)' is not the state of a stream; expected a file that --resume has written")
    }
  }

  /// Replaces the file in one step.
  func write(_ path: String) throws(Failure) {
    do {
      try Data((JSONDocument.text(of: self) + "\n").utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw Failure(.inputOutput, "--resume: cannot write '\(path)': \(error.localizedDescription)")
    }
  }
}
