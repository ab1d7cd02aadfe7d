// The monitor on a terminal: draws what the newest snapshot says, and does what keys ask for.

import Base
import Foundation
import Monitoring

final class MonitorDisplay {
  private let session: TerminalSession
  private let run: MonitorRun
  private var options = MonitorScreen.Options()
  private var paused: MonitorSnapshot?
  private let hasColors: Bool

  private static let windows = [10, 60, 300, 0]

  init(_ session: TerminalSession, _ run: MonitorRun) {
    self.session = session
    self.run = run
    hasColors = Terminal.outputHasColors
  }

  /// Until `isDone`, or until the user has had enough.
  ///
  /// - Parameter head: A line above all others.
  func show(head: () -> String? = { nil }, until isDone: () -> Bool) {
    while !isDone(), !Interrupts.stopRequested {
      draw(head())
      for key in session.keys(waiting: 200) where press(key) { return Interrupts.requestStop() }
    }
  }

  private func draw(_ head: String?) {
    let (columns, rows) = session.size
    let screen = MonitorScreen(width: columns, height: head == nil ? rows : rows - 1, hasColors: hasColors)
    guard let snapshot = paused ?? run.snapshot else { return session.draw([head ?? "", "waiting for the first look ..."]) }
    session.draw((head.map { [String($0.prefix(columns - 1))] } ?? []) + screen.lines(snapshot, options))
  }

  /// True where the user asks for the end.
  private func press(_ key: UInt8) -> Bool {
    if options.filterBeingWritten != nil {
      edit(key)
      return false
    }
    switch key {
    case UInt8(ascii: "q"), 4: return true
    case UInt8(ascii: "p"), UInt8(ascii: " "):
      paused = paused == nil ? run.snapshot : nil
      options.isPaused = paused != nil
    case UInt8(ascii: "w"):
      let place = Self.windows.firstIndex(of: run.windowSeconds) ?? 0
      run.windowSeconds = Self.windows[(place + 1) % Self.windows.count]
    case UInt8(ascii: "s"):
      let orders = MonitorScreen.Options.Order.allCases
      options.order = orders[(orders.firstIndex(of: options.order)! + 1) % orders.count]
    case UInt8(ascii: "/"): options.filterBeingWritten = options.filter
    case UInt8(ascii: "?"), UInt8(ascii: "h"): options.showsHelp.toggle()
    case 27: (options.showsHelp, options.filter) = (false, "")
    default: break
    }
    return false
  }

  private func edit(_ key: UInt8) {
    switch key {
    case 10, 13:
      options.filter = options.filterBeingWritten ?? ""
      options.filterBeingWritten = nil
    case 27: options.filterBeingWritten = nil
    case 8, 127: _ = options.filterBeingWritten?.popLast()
    case 32..<127: options.filterBeingWritten?.append(Character(UnicodeScalar(key)))
    default: break
    }
  }
}
