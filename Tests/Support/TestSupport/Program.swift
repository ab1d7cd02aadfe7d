// A program as a user runs it. Its stdout and stderr go to files of a folder of its own, so that no full pipe can hold it up; its stdin is
// nothing, a file, or a pipe that the test writes into and closes. It is started with every signal at its default.

import Foundation
import Synchronization

/// How a program ended and what it said.
public struct ProgramOutcome: Sendable {
  /// The exit code; 128 and the signal's number where a signal ended it.
  public var status: Int32
  /// Whether it was killed because it took too long.
  public var hasTimedOut: Bool
  public var output: Data
  public var errors: String

  /// What went to stdout.
  public var text: String { String(decoding: output, as: UTF8.self) }
  /// The lines of stdout.
  public var lines: [Substring] { text.split(separator: "\n") }
}

/// One run of a program.
public final class Program {
  public enum Input {
    /// `/dev/null`.
    case none
    case file(String)
    /// Through a pipe, which is closed after them.
    case bytes(Data)
    /// A pipe that stays open until `closeInput`.
    case open
  }

  public let processID: pid_t
  private let folder = TestFolder()
  private let outputPath: String
  private var inputEnd: Int32?
  private var status: Int32?
  private let feeder: Thread?

  /// Starts the program.
  /// - Parameters:
  ///   - environment: Set on top of the tests' own environment, without its `FRESHET_*` settings for commands.
  ///   - output: A file to write stdout into, such as `/dev/full`, in place of keeping it.
  ///   - directory: Where it runs; the package's folder unless said otherwise.
  public init(
    _ name: String, _ arguments: [String], input: Input = .none, environment: [String: String] = [:], output: String? = nil,
    directory: String = Products.packageFolder
  ) throws {
    outputPath = output ?? folder.file("stdout")
    var inputPath = "/dev/null"
    var ends: (read: Int32, write: Int32)?
    switch input {
    case .none: break
    case .file(let path): inputPath = path
    case .bytes, .open:
      inputPath = folder.file("stdin")
      ends = try Self.makePipe(inputPath)
    }
    processID = try Self.spawn(
      [Products.executable(name)] + arguments, Self.environment(environment), directory: directory,
      input: inputPath, output: outputPath, errors: folder.file("stderr"))
    if let ends { close(ends.read) }
    inputEnd = ends?.write
    if case .bytes(let data) = input, let end = inputEnd {
      inputEnd = nil
      let thread = Thread {
        Self.write(data, to: end)
        close(end)
      }
      thread.start()
      feeder = thread
    } else {
      feeder = nil
    }
  }

  /// A program that nobody waited for is killed.
  deinit {
    closeInput()
    guard status == nil else { return }
    kill(processID, SIGKILL)
    waitpid(processID, nil, 0)
  }

  /// Runs a program to its end.
  public static func run(
    _ name: String, _ arguments: [String], input: Input = .none, environment: [String: String] = [:], output: String? = nil,
    directory: String = Products.packageFolder, timeout seconds: Double = 120
  ) throws -> ProgramOutcome {
    try Program(name, arguments, input: input, environment: environment, output: output, directory: directory)
      .wait(timeout: seconds)
  }

  /// What has come on stdout so far.
  public var outputSoFar: String { Self.text(outputPath) }
  /// What has come on stderr so far.
  public var errorsSoFar: String { folder.text(of: "stderr") }

  public func write(_ text: String) {
    guard let inputEnd else { preconditionFailure("the input is not open") }
    Self.write(Data(text.utf8), to: inputEnd)
  }

  public func closeInput() {
    if let inputEnd { close(inputEnd) }
    inputEnd = nil
  }

  public func send(signal: Int32) {
    if status == nil { kill(processID, signal) }
  }

  /// Whether it still runs.
  public var isRunning: Bool {
    if status == nil { _ = reap() }
    return status == nil
  }

  /// Waits for the end; kills the program where it takes longer than `timeout`.
  public func wait(timeout seconds: Double = 120) -> ProgramOutcome {
    let hasEnded = waitUntil(seconds: seconds) { !isRunning }
    if !hasEnded {
      kill(processID, SIGKILL)
      var code: Int32 = 0
      waitpid(processID, &code, 0)
      status = 128 + SIGKILL
    }
    return ProgramOutcome(
      status: status!, hasTimedOut: !hasEnded, output: (try? Data(contentsOf: URL(filePath: folder.file("stdout")))) ?? Data(),
      errors: errorsSoFar)
  }

  private func reap() -> Bool {
    var code: Int32 = 0
    guard waitpid(processID, &code, WNOHANG) == processID else { return false }
    let signal = code & 0x7f
    status = signal == 0 ? (code >> 8) & 0xff : 128 + signal
    return true
  }

  // MARK: Starting

  /// A pipe with a name, so that its ends can be opened in a way that no other child inherits them.
  private static func makePipe(_ path: String) throws -> (read: Int32, write: Int32) {
    guard mkfifo(path, 0o600) == 0 else { throw POSIXError(.init(rawValue: errno)!) }
    // To open it for writing needs a reader, and the child's reading end a writer.
    let read = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    let write = open(path, O_WRONLY | O_CLOEXEC)
    guard read >= 0, write >= 0 else { throw POSIXError(.init(rawValue: errno)!) }
    return (read, write)
  }

  private static func environment(_ changes: [String: String]) -> [String: String] {
    let kept = ["FRESHET_KAFKA_", "FRESHET_REDIS_"]
    let own = ProcessInfo.processInfo.environment.filter { name, _ in
      !name.hasPrefix("FRESHET_") || kept.contains { name.hasPrefix($0) }
    }
    return own.merging(changes) { $1 }
  }

  private static func spawn(
    _ command: [String], _ environment: [String: String], directory: String, input: String, output: String, errors: String
  ) throws -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for number in [SIGPIPE, SIGINT, SIGTERM] { sigaddset(&signals, number) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0)
    for (descriptor, path) in [(STDOUT_FILENO, output), (STDERR_FILENO, errors)] {
      posix_spawn_file_actions_addopen(&actions, descriptor, path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    }
    // The shell only changes the folder, and becomes the program.
    let line = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", directory] + command
    var arguments: [UnsafeMutablePointer<CChar>?] = line.map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var processID: pid_t = 0
    let code = posix_spawn(&processID, line[0], &actions, &attributes, &arguments, &variables)
    guard code == 0 else { throw POSIXError(.init(rawValue: code)!) }
    return processID
  }

  /// Writes all of it, or as much as is read: a program may end before its input does.
  private static func write(_ data: Data, to descriptor: Int32) {
    signal(SIGPIPE, SIG_IGN)
    data.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
      }
    }
  }

  private static func text(_ path: String) -> String {
    (try? Data(contentsOf: URL(filePath: path))).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}

/// Looks at a condition again and again until it holds; false where it does not within `seconds`.
public func waitUntil(seconds: Double = 60, _ condition: () throws -> Bool) rethrows -> Bool {
  let end = Date().addingTimeInterval(seconds)
  while try !condition() {
    guard Date() < end else { return false }
    usleep(5000)
  }
  return true
}
