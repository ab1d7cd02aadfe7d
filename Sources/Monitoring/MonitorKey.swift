// What is pressed on a terminal, out of the bytes that it sends: characters stand for themselves, other keys are sequences that begin with escape.
// ECMA-48, section 5.4, and xterm's control sequences.

public enum MonitorKey: Equatable, Sendable {
  case character(UInt8)
  case escape
  case up, down, pageUp, pageDown, home, end

  /// - Parameter bytes: What has come at once: a sequence is not torn apart on its way from a terminal.
  public static func all(in bytes: [UInt8]) -> [MonitorKey] {
    var keys: [MonitorKey] = []
    var rest = bytes[...]
    while let byte = rest.popFirst() {
      guard byte == 27 else {
        keys.append(.character(byte))
        continue
      }
      // CSI and SS3; what else follows an escape is a key with alt, which means nothing here.
      guard let kind = rest.popFirst() else {
        keys.append(.escape)
        continue
      }
      guard kind == UInt8(ascii: "[") || kind == UInt8(ascii: "O") else { continue }
      let parameters = rest.prefix { (0x20...0x3f).contains($0) }
      rest = rest.dropFirst(parameters.count)
      if let last = rest.popFirst(), let key = key(parameters, last) { keys.append(key) }
    }
    return keys
  }

  private static func key(_ parameters: ArraySlice<UInt8>, _ last: UInt8) -> MonitorKey? {
    switch (last, parameters.count == 1 ? parameters.first : nil) {
    case (UInt8(ascii: "A"), _): .up
    case (UInt8(ascii: "B"), _): .down
    case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), UInt8(ascii: "1")?): .home
    case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), UInt8(ascii: "4")?): .end
    case (UInt8(ascii: "~"), UInt8(ascii: "5")?): .pageUp
    case (UInt8(ascii: "~"), UInt8(ascii: "6")?): .pageDown
    default: nil
    }
  }
}

extension MonitorScreen.Options {
  /// What a key asks for that is not about how the snapshot is looked at.
  public enum Action: Equatable, Sendable {
    case end, pause, window
  }

  /// - Parameter scrollMax: How many lines are beyond the screen, at most.
  public mutating func press(_ key: MonitorKey, scrollMax: Int) -> Action? {
    if filterBeingWritten != nil {
      write(key)
      return nil
    }
    switch key {
    case .up: scroll = max(0, min(scroll, scrollMax) - 1)
    case .down: scroll = min(scrollMax, scroll + 1)
    case .pageUp: scroll = max(0, min(scroll, scrollMax) - 10)
    case .pageDown: scroll = min(scrollMax, scroll + 10)
    case .home: scroll = 0
    case .end: scroll = scrollMax
    case .escape: (showsHelp, filter) = (false, "")
    case .character(UInt8(ascii: "q")), .character(4): return .end
    case .character(UInt8(ascii: "p")), .character(UInt8(ascii: " ")): return .pause
    case .character(UInt8(ascii: "w")): return .window
    case .character(UInt8(ascii: "s")):
      let orders = MonitorScreen.Options.Order.allCases
      order = orders[(orders.firstIndex(of: order)! + 1) % orders.count]
    case .character(UInt8(ascii: "/")): filterBeingWritten = filter
    case .character(UInt8(ascii: "?")), .character(UInt8(ascii: "h")): showsHelp.toggle()
    case .character: break
    }
    return nil
  }

  private mutating func write(_ key: MonitorKey) {
    switch key {
    case .character(10), .character(13):
      filter = filterBeingWritten ?? ""
      filterBeingWritten = nil
    case .escape: filterBeingWritten = nil
    case .character(8), .character(127): _ = filterBeingWritten?.popLast()
    case .character(let byte) where (32..<127).contains(byte):
      filterBeingWritten?.append(Character(UnicodeScalar(byte)))
    default: break
    }
  }
}
