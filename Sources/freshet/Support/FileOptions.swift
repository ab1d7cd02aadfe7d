// How files are written: `--compress` and `--roll`, read and checked.

import Base
import Compression
import Configuration
import LocalTransport

/// What the flags say about files and standard output.
struct FileOptions {
  /// nil for what the file's extension says.
  var compression: Compression?
  var rolling = FileRolling.none
  /// What each file holds.
  var content = FileContent.plainLines
  /// The schema's events, for `{stream}`.
  var streams: [FileStream] = []
  /// Whether files of an earlier run stay as they are.
  var keepsFiles = false

  static let rollExpected =
    "a size like 128MiB, a number of records like 1Mrecords, a length of event time like 1h, or several with commas"

  init() {}

  init(compress: String?, roll: String?) throws(Failure) {
    if let compress {
      guard let compression = Compression(compress) else {
        throw Failure(.usage, "--compress: expected \(Compression.expected), found '\(compress)'")
      }
      self.compression = compression
    }
    if let roll { rolling = try Self.rolling(roll) }
  }

  static func rolling(_ text: String) throws(Failure) -> FileRolling {
    var byteCount: Int64?
    var recordCount: Int64?
    var milliseconds: Int64?
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let part = String(part.drop { $0 == " " })
      let isNew: Bool
      if let value = Units.byteCount(part), value > 0 {
        isNew = byteCount == nil
        byteCount = value
      } else if let value = Self.recordCount(part), value > 0 {
        isNew = recordCount == nil
        recordCount = value
      } else if let value = Units.wholeMilliseconds(part), value > 0 {
        isNew = milliseconds == nil
        milliseconds = value
      } else {
        var hint = ""
        if let count = Units.count(part), count > 0 { hint = "; did you mean '\(part)records'?" }
        throw Failure(.usage, "--roll: expected \(rollExpected), found '\(part)'\(hint)")
      }
      guard isNew else { throw Failure(.usage, "--roll: expected one size, one number and one length at most, found '\(text)'") }
    }
    return FileRolling(byteCount: byteCount, recordCount: recordCount, milliseconds: milliseconds)
  }

  /// `1Mrecords`, `500 records`.
  private static func recordCount(_ text: String) -> Int64? {
    for unit in ["records", "record"] where text.hasSuffix(unit) {
      var number = text.dropLast(unit.count)
      if number.last == " " { number.removeLast() }
      return Units.count(String(number))
    }
    return nil
  }

  /// Refuses what only goes with files and standard output.
  func checkUnused(with sink: String) throws(Failure) {
    if compression != nil { throw Failure(.usage, "--compress goes with --to file:PATH and --to stdout, not with \(sink)") }
    try checkNotRolling(with: sink)
  }

  func checkNotRolling(with sink: String) throws(Failure) {
    if rolling.isOn { throw Failure(.usage, "--roll goes with --to file:PATH, not with \(sink)") }
  }
}
