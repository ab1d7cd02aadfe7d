// The reference in C++ as a process of its own, and what it and Freshet both answer.

import Features
import Foundation
import Records

/// Totals over all rows of the 10 s windows per user.
struct WindowTotals: CustomStringConvertible {
  var rows: Int64 = 0
  var clicks: Int64 = 0
  var cents: Int64 = 0
  /// Of estimates, each rounded.
  var sessions: Int64 = 0

  /// Counts and sums are equal, estimates nearly.
  func isSame(as other: WindowTotals) -> Bool {
    rows == other.rows && clicks == other.clicks && abs(cents - other.cents) <= rows / 1000
      && Double(abs(sessions - other.sessions)) <= Double(other.sessions) * 0.005
  }

  var description: String { "\(rows) rows, \(clicks) clicks, \(cents) cents, \(sessions) sessions" }
}

/// `.build/window-reference`, where `make bench` has built it.
struct WindowReference {
  private let path: String

  init?() {
    let build = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().deletingLastPathComponent()
    let candidates = [build.path, build.deletingLastPathComponent().path, FileManager.default.currentDirectoryPath + "/.build"]
    guard let path = candidates.map({ $0 + "/window-reference" }).first(where: FileManager.default.isExecutableFile) else {
      return nil
    }
    self.path = path
  }

  /// The seconds of CPU time that the query took over the file, and its totals.
  func run(_ file: String) throws -> (seconds: Double, totals: WindowTotals) {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = [file]
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let words = text.split(separator: " ").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    guard process.terminationStatus == 0, words.count == 6, let seconds = Double(words[0]) else {
      throw BenchmarkFailure("the reference failed: \(text)")
    }
    let numbers = words.dropFirst(2).map { Int64($0) ?? -1 }
    return (seconds, WindowTotals(rows: numbers[0], clicks: numbers[1], cents: numbers[2], sessions: numbers[3]))
  }
}

struct BenchmarkFailure: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// Adds up what it is given: rows of [clicks, spend, sessions].
final class TotallingStore: FeatureStore {
  let name = "totals"
  private(set) var totals = WindowTotals()

  func write(_ rows: FeatureRowBatch, at positions: [FlushPosition]) -> [FenceRefusal] {
    for row in rows.rows {
      let values = rows.values[Int(row.firstValue)...].prefix(3).map { value in
        value.kind == .double ? Double(bitPattern: value.bits) : Double(Int64(bitPattern: value.bits))
      }
      totals.rows += 1
      totals.clicks += Int64(values[0])
      totals.cents += Int64((values[1] * 100).rounded())
      totals.sessions += Int64(values[2].rounded())
    }
    return []
  }

  func close() {}
}
