// A file of records, read line by line in bounded memory, and the little of CSV (RFC 4180) that a sample needs.

import Base
import Configuration
import Foundation

/// A file of which the first bytes are known.
public final class SampleFile {
  let path: String
  let prefix: [UInt8]
  /// Whether the prefix is all of it.
  let isWhole: Bool
  /// Lines longer than this end the reading.
  static let lineByteCountMax = 4 << 20

  init(path: String, prefixByteCount: Int = ForeignReader.prefixByteCount) throws(Failure) {
    self.path = path
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw Failure(.noInput, "\(path): no such file")
    }
    if isDirectory.boolValue { throw Failure(.noInput, "\(path): is a directory, expected a file") }
    guard let handle = FileHandle(forReadingAtPath: path), let data = try? handle.read(upToCount: prefixByteCount + 1) ?? Data()
    else {
      throw Failure(.noInput, "\(path): cannot be read")
    }
    try? handle.close()
    isWhole = data.count <= prefixByteCount
    prefix = [UInt8](data.prefix(prefixByteCount))
  }

  /// Hands over the lines, without their ends, until `body` gives false.
  func forEachLine(_ body: (_ line: [UInt8], _ number: Int) throws -> Bool) throws {
    guard let handle = FileHandle(forReadingAtPath: path) else { throw Failure(.noInput, "\(path): cannot be read") }
    defer { try? handle.close() }
    var rest: [UInt8] = []
    var number = 0
    while let data = try? handle.read(upToCount: 1 << 20), !data.isEmpty {
      rest += data
      var start = rest.startIndex
      while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
        number += 1
        guard try body(Self.line(rest[start..<end]), number) else { return }
        start = end + 1
      }
      rest.removeSubrange(..<start)
      guard rest.count <= Self.lineByteCountMax else {
        throw Failure(.badData, "\(path):\(number + 1): the line is longer than \(Self.lineByteCountMax >> 20) MiB")
      }
    }
    if !rest.isEmpty { _ = try body(Self.line(rest[...]), number + 1) }
  }

  private static func line(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    Array(bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes)
  }
}

/// Lines of cells.
struct CSVLines {
  let separator: UInt8

  private static let separators: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t"), UInt8(ascii: "|")]

  /// Whether a text begins with a header of names and a line of as many cells.
  static func looksLikeCSV(_ text: String) -> Bool { header(of: text) != nil }

  /// The separator that a header stands for.
  static func header(of text: String) -> CSVLines? {
    let lines = text.split(maxSplits: 2, whereSeparator: \.isNewline)
    guard lines.count > 1 else { return nil }
    for separator in separators {
      let reader = CSVLines(separator: separator)
      guard let names = reader.cells(Array(lines[0].utf8)), names.count > 1 else { continue }
      let areNames = names.allSatisfy { name in
        !name.isEmpty && Double(name) == nil && !name.contains { ":{}[]#\"".contains($0) }
      }
      if areNames { return reader }
    }
    return nil
  }

  /// The cells of a line; nil where a quote is still open at its end.
  func cells(_ line: [UInt8]) -> [String]? {
    let quote = UInt8(ascii: "\"")
    var cells: [String] = []
    var cell: [UInt8] = []
    var isQuoted = false
    var index = 0
    while index < line.count {
      let byte = line[index]
      index += 1
      if isQuoted {
        if byte != quote {
          cell.append(byte)
        } else if index < line.count, line[index] == quote {
          cell.append(quote)
          index += 1
        } else {
          isQuoted = false
        }
      } else if byte == quote, cell.isEmpty {
        isQuoted = true
      } else if byte == separator {
        cells.append(String(decoding: cell, as: UTF8.self))
        cell.removeAll(keepingCapacity: true)
      } else {
        cell.append(byte)
      }
    }
    guard !isQuoted else { return nil }
    cells.append(String(decoding: cell, as: UTF8.self))
    return cells
  }
}
