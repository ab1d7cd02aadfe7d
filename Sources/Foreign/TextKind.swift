// What a text is, told by its form alone: an identifier, an address, a time, or letters and digits in a common shape.

import Base

enum TextKind: Equatable {
  case uuid(version: Int)
  case ip4
  case ip6
  case email
  case url
  case other

  init(_ text: String) {
    let bytes = Array(text.utf8)
    if let version = Self.uuidVersion(bytes) {
      self = .uuid(version: version)
    } else if Self.isAddress(text) {
      self = .ip4
    } else if Self.isLongAddress(text) {
      self = .ip6
    } else if text.hasPrefix("http://") || text.hasPrefix("https://"), text.utf8.count > 8, !text.contains(" ") {
      self = .url
    } else if Self.isEmail(text) {
      self = .email
    } else {
      self = .other
    }
  }

  private static func uuidVersion(_ bytes: [UInt8]) -> Int? {
    guard bytes.count == 36 else { return nil }
    for (index, byte) in bytes.enumerated() {
      let isDash = [8, 13, 18, 23].contains(index)
      guard isDash ? byte == UInt8(ascii: "-") : Character(Unicode.Scalar(byte)).isHexDigit else { return nil }
    }
    return Int(String(Unicode.Scalar(bytes[14])), radix: 16)
  }

  private static func isAddress(_ text: String) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { part in part.count <= 3 && UInt8(part) != nil }
  }

  private static func isLongAddress(_ text: String) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (3...8).contains(parts.count), parts.count == 8 || text.contains("::") else { return false }
    return parts.allSatisfy { $0.count <= 4 && $0.allSatisfy { $0.isASCII && $0.isHexDigit } }
  }

  private static func isEmail(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !text.contains(" ") else { return false }
    return parts[1].contains(".") && !parts[1].hasPrefix(".") && !parts[1].hasSuffix(".")
  }
}

/// A text as runs of digits, letters and other characters; several texts of the same runs have a common shape.
struct TextShape {
  enum Kind: Equatable {
    case digits
    case upper
    case lower
    case other
  }

  struct Run {
    var kind: Kind
    /// The text where it is the same in all.
    var text: String?
    var least: Int
    var most: Int
  }

  static let runCountMax = 12

  private(set) var runs: [Run]
  /// The number in the only run of digits, of the text before, and whether it has always been one more than before.
  private(set) var firstNumber: Int64?
  private(set) var isCounting: Bool
  private var lastNumber: Int64?

  init?(_ text: String) {
    guard !text.isEmpty, let runs = Self.runs(of: text) else { return nil }
    self.runs = runs
    firstNumber = Self.number(in: runs)
    lastNumber = firstNumber
    isCounting = firstNumber != nil
  }

  private static func runs(of text: String) -> [Run]? {
    var runs: [Run] = []
    for character in text {
      guard character.isASCII else { return nil }
      let kind: Kind = character.isNumber ? .digits : character.isUppercase ? .upper : character.isLowercase ? .lower : .other
      if let last = runs.last, last.kind == kind {
        runs[runs.count - 1].text?.append(character)
        runs[runs.count - 1].least += 1
        runs[runs.count - 1].most += 1
      } else {
        guard runs.count < runCountMax else { return nil }
        runs.append(Run(kind: kind, text: String(character), least: 1, most: 1))
      }
    }
    return runs
  }

  private static func number(in runs: [Run]) -> Int64? {
    let digits = runs.filter { $0.kind == .digits }
    return digits.count == 1 ? digits[0].text.flatMap { Int64($0) } : nil
  }

  /// Nil where the text has other runs.
  func merged(with text: String) -> TextShape? {
    guard let others = Self.runs(of: text), others.count == runs.count else { return nil }
    var result = self
    for (index, other) in others.enumerated() {
      guard runs[index].kind == other.kind else { return nil }
      if runs[index].text != other.text {
        if other.kind == .other { return nil }
        result.runs[index].text = nil
      }
      result.runs[index].least = min(runs[index].least, other.least)
      result.runs[index].most = max(runs[index].most, other.most)
    }
    if isCounting {
      let number = Self.number(in: others)
      result.isCounting = number != nil && number! - 1 == lastNumber
      result.lastNumber = number
    }
    return result
  }

  /// Whether only letters in a row: words rather than codes.
  var isWord: Bool {
    runs.count == 1 && runs[0].kind != .digits || runs.count == 2 && runs[0].kind == .upper && runs[1].kind == .lower
  }

  /// A regular expression for all texts of the shape.
  var pattern: String {
    runs.map { run in
      if let text = run.text { return AvroGenerators.escaped(text) }
      let count = run.least == run.most ? "{\(run.least)}" : "{\(run.least),\(run.most)}"
      switch run.kind {
      case .digits: return "\\d" + count
      case .upper: return "[A-Z]" + count
      default: return "[a-z]" + count
      }
    }.joined()
  }

  /// The text of a `sequence`: `SKU-{n:06}`; nil where more than the digits differ.
  var sequenceText: String? {
    guard runs.allSatisfy({ ($0.kind == .digits) == ($0.text == nil) }), runs.count(where: { $0.kind == .digits }) == 1 else {
      return nil
    }
    guard let digits = runs.first(where: { $0.kind == .digits }),
      !runs.contains(where: { $0.text?.contains { "{}".contains($0) } ?? false })
    else {
      return nil
    }
    return runs.map { $0.text ?? (digits.least == digits.most && digits.least > 1 ? "{n:0\(digits.least)}" : "{n}") }.joined()
  }
}
