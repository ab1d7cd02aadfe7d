// A terminal of which the whole screen is ours, and keys are read as they are pressed; given back on every way out.

import Base
import Foundation
import Monitoring
import Synchronization

final class TerminalSession: Sendable {
  private static let saved = Mutex<termios?>(nil)

  /// Nil where stdout and stdin are no terminal.
  init?() {
    guard Terminal.outputIsTerminal, isatty(STDIN_FILENO) == 1 else { return nil }
    var state = termios()
    guard tcgetattr(STDIN_FILENO, &state) == 0 else { return nil }
    let before = state
    Self.saved.withLock { $0 = before }
    state.c_lflag &= ~tcflag_t(ICANON | ECHO)
    // Ctrl-Z and ctrl-\ would leave the screen as it is. Ctrl-C asks for the end.
    withUnsafeMutableBytes(of: &state.c_cc) { characters in
      for key in [VSUSP, VQUIT] { characters[Int(key)] = 0 }
    }
    tcsetattr(STDIN_FILENO, TCSANOW, &state)
    // Also where something ends the process from elsewhere.
    atexit { TerminalSession.restore() }
    Interrupts.onForcedEnd { TerminalSession.restore() }
    Self.write("\u{1b}[?1049h\u{1b}[?25l\u{1b}[2J")
  }

  func end() { Self.restore() }

  private static func restore() {
    let state = saved.withLock { saved in
      defer { saved = nil }
      return saved
    }
    guard var state else { return }
    tcsetattr(STDIN_FILENO, TCSANOW, &state)
    write("\u{1b}[?25h\u{1b}[?1049l")
  }

  var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// What has been pressed, waiting up to `milliseconds` for it; empty where nothing was.
  func keys(waiting milliseconds: Int32) -> [MonitorKey] {
    var poller = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    guard poll(&poller, 1, milliseconds) > 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = read(STDIN_FILENO, &bytes, bytes.count)
    if count <= 0 {
      // The terminal has gone, and is ready to say so forever.
      usleep(UInt32(milliseconds) * 1000)
      return []
    }
    return MonitorKey.all(in: Array(bytes[..<count]))
  }

  /// Draws over what is there.
  func draw(_ lines: [String]) {
    let (_, rows) = size
    let shown = lines.prefix(rows)
    var text = "\u{1b}[H"
    for (index, line) in shown.enumerated() { text += line + "\u{1b}[K" + (index + 1 < rows ? "\r\n" : "") }
    Self.write(text + "\u{1b}[J")
  }

  private static func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }
}
