// The text of a file by lines and columns, for the two things that marks alone cannot do: to say where inside a scalar something stands,
// and to give one key another name so that reading goes on after a duplicate.

/// A text cut into lines; lines and columns count from 1, columns in Unicode scalars.
struct SourceLines {
  let text: String
  private let lines: [Substring.UnicodeScalarView]

  init(_ text: String) {
    self.text = text
    lines = text.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }
  }

  /// One line without its end; empty past the last.
  func line(_ number: Int) -> Substring {
    lines.indices.contains(number - 1) ? Substring(lines[number - 1]) : ""
  }

  /// Where a scalar's first character stands, when its text stands verbatim on one line: behind its quote, if it has one.
  func verbatimLocation(of scalar: String, isQuoted: Bool, at location: SourceLocation) -> SourceLocation? {
    let rest = line(location.line).unicodeScalars.dropFirst(location.column - 1 + (isQuoted ? 1 : 0))
    guard !scalar.isEmpty, rest.starts(with: scalar.unicodeScalars) else { return nil }
    return SourceLocation(line: location.line, column: location.column + (isQuoted ? 1 : 0))
  }

  /// The text with the first character of the key at `location` replaced by the private-use character of that number, which no sensible
  /// key begins with; nil where no plain or quoted key stands there.
  func renamingKey(at location: SourceLocation, number: Int) -> SourceLines? {
    guard let marker = Unicode.Scalar(0xe000 + UInt32(number)), lines.indices.contains(location.line - 1) else { return nil }
    let line = lines[location.line - 1]
    guard var index = line.index(line.startIndex, offsetBy: location.column - 1, limitedBy: line.endIndex), index < line.endIndex
    else {
      return nil
    }
    if line[index] == "\"" || line[index] == "'" { index = line.index(after: index) }
    // Not an alias, an anchor, a tag, nor an explicit or an empty key.
    guard index < line.endIndex, !"*&!?:\"'\\{[ ".unicodeScalars.contains(line[index]) else {
      return nil
    }
    var scalars = text.unicodeScalars
    scalars.replaceSubrange(index...index, with: CollectionOfOne(marker))
    return SourceLines(String(scalars))
  }

  /// The place of the character at `offset` from the start.
  func location(ofCharacter offset: Int) -> SourceLocation {
    var location = SourceLocation(line: 1, column: 1)
    for character in text.prefix(max(0, offset)) {
      if character.isNewline {
        location = SourceLocation(line: location.line + 1, column: 1)
      } else {
        location.column += character.unicodeScalars.count
      }
    }
    return location
  }
}
