// A redis-server of our own, for demonstrations and tests: a child on a Unix socket in a folder of its own, without port and, unless its
// options say so, persistence, in its own process group so that Ctrl-C in the terminal does not reach it.
//
// The child dies with us: `setpriv --pdeathsig KILL`, where it is installed. That signal comes when the *thread* that started the child
// ends, so a thread of its own starts the child and then waits for its end.

import Base
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Owns a redis-server and its folder.
public final class PrivateRedis {
  public let address: RedisAddress
  /// Where it keeps what its options tell it to keep.
  public let folder: String
  private let command: [String]
  private let startTimeoutMilliseconds: Int
  private var running: (child: Child, keeper: JoinableThread)?

  /// Starts redis-server and waits until it answers.
  ///
  /// - Parameter options: More of its settings, such as `--appendonly yes`; they win over ours.
  public init(startTimeoutMilliseconds: Int = 10_000, options: [String] = []) throws {
    guard let server = Self.executable("redis-server") else {
      throw Failure(
        .unavailable, "redis-server is not installed (apt-get install redis-server, or brew install redis), or not in PATH")
    }
    folder = try Self.makeFolder()
    let socket = "\(folder)/redis.sock"
    address = RedisAddress(endpoint: .unix(path: socket))
    let arguments = [
      server, "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--dir", folder,
      "--daemonize", "no", "--loglevel", "warning", "--logfile", "\(folder)/redis.log",
    ]
    command = (Self.executable("setpriv").map { [$0, "--pdeathsig", "KILL", "--"] } ?? []) + arguments + options
    self.startTimeoutMilliseconds = startTimeoutMilliseconds
    try start()
  }

  deinit { stop() }

  /// Kills the server, waits for its end and removes the folder. What it held is gone.
  public func stop() {
    kill()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Kills the server and starts another at the same address: empty, or with what the first one's options had it keep.
  public func restart() throws {
    kill()
    try start()
  }

  /// Starts a server that was killed.
  public func start() throws {
    let child = Child()
    let command = command
    running = (child, JoinableThread { child.run(command) })
    do { try waitUntilReady(child) } catch {
      stop()
      throw error
    }
  }

  /// Ends the server at once, as a crash does.
  public func kill() {
    guard let (child, keeper) = running else { return }
    running = nil
    child.kill()
    try? keeper.join()
    child.reap()
  }

  /// Sends the server a signal, such as SIGSTOP and SIGCONT.
  public func send(signal number: Int32) { running?.child.send(signal: number) }

  private func waitUntilReady(_ child: Child) throws {
    let clock = SystemClock()
    let deadline = clock.monotonicNanoseconds + UInt64(startTimeoutMilliseconds) * 1_000_000
    while true {
      if let code = child.startError {
        throw Failure(.unavailable, "redis-server does not start: \(String(cString: strerror(code)))")
      }
      if child.hasEnded { throw Failure(.unavailable, "redis-server ended as soon as it was started\(lastWords)") }
      do {
        _ = try RedisConnection(address)
        return
      } catch let failure as Failure {
        guard failure.isRetryable, clock.monotonicNanoseconds < deadline else { throw failure }
        usleep(5000)
      }
    }
  }

  /// The last line of its log.
  private var lastWords: String {
    let log = try? String(contentsOfFile: "\(folder)/redis.log", encoding: .utf8)
    return log?.split(separator: "\n").last.map { ": \($0)" } ?? ""
  }

  private static func makeFolder() throws -> String {
    // A Unix socket's path has at most 107 bytes.
    var parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    if parent.utf8.count > 60 { parent = "/tmp" }
    var template = Array("\(parent)/freshet-redis-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw Failure(.inputOutput, "no temporary folder in \(parent): \(String(cString: strerror(errno)))")
    }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The path of a program in PATH.
  private static func executable(_ name: String) -> String? {
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }
}

/// The child process, shared between its owner and the thread that waits for it.
private final class Child: Sendable {
  private struct State {
    var processID: pid_t = 0
    var hasEnded = false
    var startError: Int32?
    var isKilled = false
  }

  private let state = Mutex(State())

  var startError: Int32? { state.withLock { $0.startError } }
  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  /// Starts the command and returns when it has ended. It is left unreaped, so that its number stays its own until `reap`.
  func run(_ command: [String]) {
    let processID: pid_t? = state.withLock { state in
      guard !state.isKilled else { return nil }
      state.startError = Self.spawn(command, &state.processID)
      return state.startError == nil ? state.processID : nil
    }
    guard let processID else { return }
    var information = siginfo_t()
    while waitid(P_PID, id_t(processID), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
    state.withLock { $0.hasEnded = true }
  }

  func kill() {
    state.withLock { state in
      state.isKilled = true
      #if canImport(Glibc)
        if state.processID > 0 { Glibc.kill(state.processID, SIGKILL) }
      #else
        if state.processID > 0 { Darwin.kill(state.processID, SIGKILL) }
      #endif
    }
  }

  func send(signal number: Int32) {
    state.withLock { state in
      #if canImport(Glibc)
        if state.processID > 0 { _ = Glibc.kill(state.processID, number) }
      #else
        if state.processID > 0 { _ = Darwin.kill(state.processID, number) }
      #endif
    }
  }

  func reap() {
    state.withLock { state in
      if state.processID > 0 { waitpid(state.processID, nil, 0) }
      state.processID = 0
    }
  }

  /// Returns the error number, or nil once the child runs.
  private static func spawn(_ command: [String], _ processID: inout pid_t) -> Int32? {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var defaults = sigset_t()
    sigemptyset(&defaults)
    for number in [SIGPIPE, SIGINT, SIGTERM] { sigaddset(&defaults, number) }
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
      posix_spawn_file_actions_addopen(&files, descriptor, "/dev/null", O_RDWR, 0)
    }
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    let code = posix_spawn(&processID, command[0], &files, &attributes, &arguments, environ)
    return code == 0 ? nil : code
  }
}
