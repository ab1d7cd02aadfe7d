// A small reader of regular expressions for texts that match them: what is kept is how to write such a text, not how to find one. Literals,
// classes, groups, alternatives and repetitions; anything that would need to look back at what was matched is refused.
//
//     pattern  := sequence ('|' sequence)*
//     sequence := (atom repeat?)*
//     atom     := character | '.' | '\' escape | '[' class ']' | '(' ['?:'] pattern ')'
//     repeat   := '?' | '*' | '+' | '{' m [',' [n]] '}'      `*` and `+` repeat at most 8 times more than they must

/// Parses one pattern.
struct PatternParser {
  /// What is wrong with a pattern, and at which character, counted from 1.
  struct Fault: Error, Equatable {
    var character: Int
    var message: String
  }

  static let lengthMax = 1000
  static let repeatMax = 1000
  static let nestingMax = 20
  /// The most characters that a pattern may give.
  static let outputMax = 65_536
  /// How far `*`, `+` and `{m,}` go beyond what they must.
  static let openRepeat = 8

  private static let digits = Array("0123456789")
  private static let words = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
  private static let spaces: [Character] = [" "]
  /// Printable ASCII, which is what `.` and negations choose from.
  private static let printable = (32...126).map { Character(Unicode.Scalar($0)) }

  private let text: [Character]
  private var index = 0
  private var nesting = 0

  private init(_ text: String) { self.text = Array(text) }

  /// How to write texts that match `pattern`.
  static func pieces(of pattern: String) throws(Fault) -> [TextPiece] {
    var parser = PatternParser(pattern)
    guard parser.text.count <= lengthMax else {
      throw Fault(character: lengthMax + 1, message: "a pattern has at most \(lengthMax) characters")
    }
    if parser.next == "^" { parser.index += 1 }
    let pieces = try parser.alternatives()
    if parser.index < parser.text.count { throw parser.fault("')' closes no group") }
    let longest = GeneratedSize.characters(of: pieces)
    guard longest <= outputMax else {
      throw Fault(character: 1, message: "it gives up to \(longest) characters; at most \(outputMax) are possible")
    }
    return pieces
  }

  private var next: Character? { index < text.count ? text[index] : nil }

  private func fault(_ message: String, at place: Int? = nil) -> Fault { Fault(character: (place ?? index) + 1, message: message) }

  // MARK: - Structure

  private mutating func alternatives() throws(Fault) -> [TextPiece] {
    var sequences = [try sequence()]
    while next == "|" {
      index += 1
      sequences.append(try sequence())
    }
    if sequences.count == 1 { return sequences[0] }
    return [.alternatives(sequences, weights: [Double](repeating: 1, count: sequences.count))]
  }

  private mutating func sequence() throws(Fault) -> [TextPiece] {
    var pieces: [TextPiece] = []
    while let character = next, character != "|", character != ")" {
      let start = index
      if character == "$", nesting == 0, index + 1 == text.count {
        index += 1
        break
      }
      if character == "^" || character == "$" {
        throw fault(
          "'\(character)' stands only at the \(character == "^" ? "start" : "end") of a pattern; write '\\\(character)' for the character"
        )
      }
      let atom = try self.atom()
      append(try repetition(of: atom, from: start), to: &pieces)
    }
    return pieces
  }

  /// Literals that follow each other become one.
  private func append(_ new: [TextPiece], to pieces: inout [TextPiece]) {
    for piece in new {
      if case .literal(let text) = piece, case .literal(let before)? = pieces.last {
        pieces[pieces.count - 1] = .literal(before + text)
      } else {
        pieces.append(piece)
      }
    }
  }

  private mutating func atom() throws(Fault) -> [TextPiece] {
    let start = index
    guard let character = next else { throw fault("the pattern ends where something should follow") }
    index += 1
    switch character {
    case ".": return [.characters(Self.printable, count: 1...1)]
    case "[": return [.characters(try characterClass(from: start), count: 1...1)]
    case "(": return try group(from: start)
    case "\\":
      let escaped = try escape(from: start)
      return escaped.count == 1 ? [.literal(String(escaped))] : [.characters(escaped, count: 1...1)]
    case "?", "*", "+", "{": throw fault("'\(character)' repeats nothing; write '\\\(character)' for the character", at: start)
    default: return [.literal(String(character))]
    }
  }

  private mutating func group(from start: Int) throws(Fault) -> [TextPiece] {
    if next == "?" {
      guard index + 1 < text.count, text[index + 1] == ":" else {
        let kind = index + 1 < text.count ? text[index + 1] : " "
        let isLook = kind == "=" || kind == "!" || kind == "<"
        throw fault(
          "\(isLook ? "looking ahead or behind" : "this kind of group") is not possible; groups are (...) and (?:...)", at: start)
      }
      index += 2
    }
    nesting += 1
    guard nesting <= Self.nestingMax else { throw fault("groups stand more than \(Self.nestingMax) deep", at: start) }
    let pieces = try alternatives()
    guard next == ")" else { throw fault("this group is not closed by ')'", at: start) }
    index += 1
    nesting -= 1
    return pieces
  }

  // MARK: - Repetition

  private mutating func repetition(of atom: [TextPiece], from start: Int) throws(Fault) -> [TextPiece] {
    let place = index
    let count: ClosedRange<Int>
    switch next {
    case "?": count = 0...1
    case "*": count = 0...Self.openRepeat
    case "+": count = 1...1 + Self.openRepeat
    case "{":
      count = try counts()
      index -= 1
    default: return atom
    }
    index += 1
    if let mark = next, mark == "?" || mark == "+" || mark == "*" || mark == "{" {
      throw fault("'\(mark)' repeats a repetition; put that into a group", at: index)
    }
    // A bound on each step, so that nested repetitions cannot overflow.
    guard count.upperBound * max(1, GeneratedSize.characters(of: atom)) <= Self.outputMax else {
      throw fault("this repeats to more than \(Self.outputMax) characters", at: place)
    }
    if atom.count == 1, case .characters(let set, let once) = atom[0], once == 1...1 { return [.characters(set, count: count)] }
    if count == 1...1 { return atom }
    if atom.isEmpty { return [] }
    return [.repeated(atom, count: count)]
  }

  /// `{m}`, `{m,n}` or `{m,}`; leaves `index` behind the brace.
  private mutating func counts() throws(Fault) -> ClosedRange<Int> {
    let start = index
    guard let close = text[index...].firstIndex(of: "}") else { throw fault("this '{' is not closed by '}'") }
    let parts = String(text[(index + 1)..<close]).split(separator: ",", omittingEmptySubsequences: false)
    func number(_ part: Substring) -> Int? {
      part.utf8.allSatisfy { (48...57).contains($0) } && part.count < 9 ? Int(part) : nil
    }
    guard parts.count <= 2, let least = number(parts[0]), parts.count == 1 || parts[1].isEmpty || number(parts[1]) != nil else {
      throw fault("expected {m}, {m,n} or {m,}; write '\\{' for the character", at: start)
    }
    let most = parts.count == 1 ? least : number(parts[1]) ?? least + Self.openRepeat
    guard least <= most else { throw fault("{\(least),\(most)} repeats at least \(least) and at most \(most) times", at: start) }
    guard most <= Self.repeatMax else {
      throw fault("at most \(Self.repeatMax) repetitions are possible, found \(most)", at: start)
    }
    index = close + 1
    return least...most
  }

  // MARK: - Characters

  /// What an escape stands for, the backslash read.
  private mutating func escape(from start: Int) throws(Fault) -> [Character] {
    guard let character = next else { throw fault("the pattern ends behind a '\\'", at: start) }
    index += 1
    switch character {
    case "d": return Self.digits
    case "w": return Self.words
    case "s": return Self.spaces
    case "D": return Self.printable.filter { !Self.digits.contains($0) }
    case "W": return Self.printable.filter { !Self.words.contains($0) }
    case "S": return Self.printable.filter { $0 != " " }
    case "t": return ["\t"]
    case "n": return ["\n"]
    case "r": return ["\r"]
    case "1"..."9": throw fault("a reference to a group is not possible", at: start)
    default:
      guard character.isASCII, !character.isLetter, !character.isNumber else {
        throw fault(
          "'\\\(character)' is no escape; there are \\d \\w \\s \\D \\W \\S \\t \\n \\r, and a backslash before a sign", at: start)
      }
      return [character]
    }
  }

  /// The characters of `[...]`, the bracket read.
  private mutating func characterClass(from start: Int) throws(Fault) -> [Character] {
    var isNegated = false
    if next == "^" {
      isNegated = true
      index += 1
    }
    var characters: [Character] = []
    var isFirst = true
    while let character = next, character != "]" || isFirst {
      isFirst = false
      let place = index
      index += 1
      let from = character == "\\" ? try escape(from: place) : [character]
      guard next == "-", index + 1 < text.count, text[index + 1] != "]" else {
        characters += from
        continue
      }
      index += 1
      let last = text[index]
      index += 1
      let to = last == "\\" ? try escape(from: index - 1) : [last]
      guard from.count == 1, to.count == 1, let low = from[0].asciiValue, let high = to[0].asciiValue else {
        throw fault("a range goes from one ASCII character to another", at: place)
      }
      guard low <= high else { throw fault("the range \(from[0])-\(to[0]) runs backwards", at: place) }
      characters += (low...high).map { Character(Unicode.Scalar($0)) }
    }
    guard next == "]" else { throw fault("this class is not closed by ']'", at: start) }
    index += 1
    var seen: Set<Character> = []
    var unique = characters.filter { seen.insert($0).inserted }
    if isNegated { unique = Self.printable.filter { !seen.contains($0) } }
    guard !unique.isEmpty else { throw fault("this class holds no character", at: start) }
    return unique
  }
}
