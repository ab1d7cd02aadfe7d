// The names of a sink's files: a path with placeholders.
//
//   events/{stream}-{time}-{n:05}.ndjson.gz   ->   events/click-2026-01-01T00-00-00Z-00001.ndjson.gz
//
// `{n}` is the file's number from 1, `{n:05}` the same in five digits or more, `{time}` the start of the period that the file holds, `{stream}`
// the name of the event.

import Base

/// A path with placeholders, read and checked.
struct FileNameTemplate {
  private enum Part: Equatable {
    case text(String)
    case number(digitCount: Int)
    case time
    case stream
  }

  private var parts: [Part]
  /// Whether folders are made: where the path has placeholders of its own. One without them names a place that is there.
  let makesFolders: Bool
  /// Whether the period's start needs milliseconds to be told from the next one's.
  private let hasMilliseconds: Bool

  static let expected = "{n}, {n:05}, {time} and {stream}"

  /// Reads the path. Where files follow each other and the path does not say how to tell them apart, their time or number is put before
  /// the extension: `day.ndjson.gz` becomes `day-{n:05}.ndjson.gz`.
  init(_ path: String, rolling: FileRolling) throws(Failure) {
    parts = try Self.parse(path)
    makesFolders = parts.contains { if case .text = $0 { false } else { true } }
    hasMilliseconds = (rolling.milliseconds ?? 0) % 1000 != 0
    if parts.contains(.time), rolling.milliseconds == nil {
      throw Failure(.usage, "file:\(path): {time} is the start of a file's period; expected a length to roll by, such as 1h")
    }
    guard rolling.isOn else { return }
    var missing: [Part] = []
    if rolling.milliseconds != nil, !parts.contains(.time), !hasNumber { missing += [.text("-"), .time] }
    if rolling.byteCount != nil || rolling.recordCount != nil, !hasNumber { missing += [.text("-"), .number(digitCount: 5)] }
    if !missing.isEmpty { insertBeforeExtension(missing) }
  }

  var hasStream: Bool { parts.contains(.stream) }

  private var hasNumber: Bool {
    parts.contains { if case .number = $0 { true } else { false } }
  }

  /// - Parameters:
  ///   - number: From 1.
  ///   - periodStart: Milliseconds since the epoch.
  func path(number: Int, periodStart: Int64, stream: String) -> String {
    parts.map { part in
      switch part {
      case .text(let text): text
      case .number(let digitCount): Self.padded(number, digitCount)
      case .time: timeText(periodStart)
      case .stream: Self.safe(stream)
      }
    }.joined()
  }

  /// A name that stays in its folder on any file system.
  static func safe(_ name: String) -> String {
    let text = String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_" })
    return text.allSatisfy { $0 == "." } ? "_" + text : text
  }

  /// `2026-01-01T00-00-00Z`: no colons, which not every file system takes.
  private func timeText(_ milliseconds: Int64) -> String {
    let text = TimeText.rfc3339(milliseconds)
    let kept = hasMilliseconds ? text.dropLast() : text.prefix(19)
    return String(kept.map { $0 == ":" || $0 == "." ? "-" : $0 }) + "Z"
  }

  private static func padded(_ number: Int, _ digitCount: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digitCount - text.count)) + text
  }

  /// The extension is what follows the last dot of the name, and the one before it where the last is that of a compression.
  private mutating func insertBeforeExtension(_ inserted: [Part]) {
    guard case .text(let text) = parts.last else {
      parts += inserted
      return
    }
    let nameStart = text.lastIndex(of: "/").map { text.index(after: $0) } ?? text.startIndex
    // A dot that begins the name begins no extension; where a placeholder stands before this text, no dot begins the name.
    let isWholeName = parts.count == 1 || nameStart > text.startIndex
    func extensionStart(before end: String.Index) -> String.Index? {
      guard let dot = text[nameStart..<end].lastIndex(of: "."), !isWholeName || dot > nameStart else { return nil }
      return dot
    }
    var split = extensionStart(before: text.endIndex) ?? text.endIndex
    if [".gz", ".zst"].contains(String(text[split...])), let outer = extensionStart(before: split) { split = outer }
    parts.removeLast()
    parts += [.text(String(text[..<split]))] + inserted + [.text(String(text[split...]))]
  }

  private static func parse(_ path: String) throws(Failure) -> [Part] {
    var parts: [Part] = []
    var rest = Substring(path)
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
      let name = String(rest[rest.index(after: open)..<close])
      switch name {
      case "n": parts.append(.number(digitCount: 1))
      case "time": parts.append(.time)
      case "stream": parts.append(.stream)
      default:
        guard name.hasPrefix("n:0"), let count = Int(name.dropFirst(3)), (1...18).contains(count) else {
          throw Failure(.usage, "file:\(path): unknown placeholder '{\(name)}'; there are \(expected)")
        }
        parts.append(.number(digitCount: count))
      }
      rest = rest[rest.index(after: close)...]
    }
    if !rest.isEmpty { parts.append(.text(String(rest))) }
    return parts
  }
}
