// Patterns of strftime (POSIX, and `%f`, `%L` as Python and Ruby have them) taken apart once, so that writing a time is a walk over pieces.

/// Parses the pattern of a time.
enum TimePattern {
  /// What is wrong with a pattern, and at which character, counted from 1.
  struct Fault: Error, Equatable {
    var character: Int
    var message: String
  }

  static let lengthMax = 200
  static let directives = "Y m d H M S L f j y b B a A e I p s F T z Z %"

  static func pieces(of pattern: String) throws(Fault) -> [TimePiece] {
    var pieces: [TimePiece] = []
    func append(_ text: String) {
      if case .literal(let before)? = pieces.last {
        pieces[pieces.count - 1] = .literal(before + text)
      } else {
        pieces.append(.literal(text))
      }
    }
    let characters = Array(pattern)
    guard characters.count <= lengthMax else {
      throw Fault(character: lengthMax + 1, message: "a pattern has at most \(lengthMax) characters")
    }
    var index = 0
    while index < characters.count {
      guard characters[index] == "%" else {
        append(String(characters[index]))
        index += 1
        continue
      }
      guard index + 1 < characters.count else { throw Fault(character: index + 1, message: "the pattern ends behind a '%'") }
      switch characters[index + 1] {
      case "F":
        pieces.append(.year)
        append("-")
        pieces.append(.month)
        append("-")
        pieces.append(.day)
      case "T":
        pieces.append(.hour)
        append(":")
        pieces.append(.minute)
        append(":")
        pieces.append(.second)
      case "z": append("+0000")
      case "Z": append("UTC")
      case "%": append("%")
      case let letter:
        guard let piece = piece(letter) else {
          throw Fault(character: index + 1, message: "'%\(letter)' is unknown; there are % with \(directives)")
        }
        pieces.append(piece)
      }
      index += 2
    }
    return pieces
  }

  private static func piece(_ letter: Character) -> TimePiece? {
    switch letter {
    case "Y": .year
    case "y": .yearOfCentury
    case "m": .month
    case "d": .day
    case "e": .dayPadded
    case "j": .dayOfYear
    case "H": .hour
    case "I": .hour12
    case "M": .minute
    case "S": .second
    case "L": .milliseconds
    case "f": .microseconds
    case "B": .monthName
    case "b": .monthAbbreviation
    case "A": .weekdayName
    case "a": .weekdayAbbreviation
    case "p": .meridiem
    case "s": .epochSeconds
    default: nil
    }
  }
}
