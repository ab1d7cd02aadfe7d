// A line of text in pieces with a style each, for a terminal with colours or without.

/// How a piece of text looks.
enum Style {
  case plain, dim, strong, good, warning, bad, accent

  var code: String {
    switch self {
    case .plain: ""
    case .dim: "\u{1b}[2m"
    case .strong: "\u{1b}[1m"
    case .good: "\u{1b}[32m"
    case .warning: "\u{1b}[33;1m"
    case .bad: "\u{1b}[31;1m"
    case .accent: "\u{1b}[36m"
    }
  }
}

/// A line in pieces, cut by what is seen of it.
struct Line {
  private var pieces: [(text: String, style: Style)] = []
  private(set) var count = 0

  init(_ text: String, _ style: Style = .plain) { add(text, style) }

  mutating func add(_ text: String, _ style: Style = .plain) {
    guard !text.isEmpty else { return }
    // What comes from outside must not move the cursor.
    let shown = String(text.map { $0.unicodeScalars.contains { $0.properties.generalCategory == .control } ? "?" : $0 })
    pieces.append((shown, style))
    count += shown.count
  }

  func text(width: Int, hasColors: Bool) -> String {
    var result = ""
    var left = width
    for piece in pieces where left > 0 {
      let text = String(piece.text.prefix(left))
      left -= text.count
      result += hasColors && !piece.style.code.isEmpty ? "\(piece.style.code)\(text)\u{1b}[0m" : text
    }
    while result.last == " " { result.removeLast() }
    return result
  }
}
