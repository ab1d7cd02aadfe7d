// The monitor on a terminal: draws what the newest snapshot says, and does what keys ask for.

import Base
import Foundation
import Monitoring

final class MonitorDisplay {
  private let session: TerminalSession
  private let run: MonitorRun
  private var options = MonitorScreen.Options()
  private var paused: MonitorSnapshot?
  /// How far can be scrolled, as it was drawn last.
  private var scrollMax = 0
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
    let view = screen.view(snapshot, options)
    scrollMax = view.scrollMax
    session.draw((head.map { [String($0.prefix(columns - 1))] } ?? []) + view.lines)
  }

  /// True where the user asks for the end.
  private func press(_ key: MonitorKey) -> Bool {
    switch options.press(key, scrollMax: scrollMax) {
    case .end?: return true
    case .pause?:
      paused = paused == nil ? run.snapshot : nil
      options.isPaused = paused != nil
    case .window?:
      let place = Self.windows.firstIndex(of: run.windowSeconds) ?? 0
      run.windowSeconds = Self.windows[(place + 1) % Self.windows.count]
    case nil: break
    }
    return false
  }
}
