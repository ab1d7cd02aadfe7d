// A failure that ends a command or an operation, with the exit code that the command line promises for it.
// Everything that a person will read is in `message`; `isRetryable` tells the caller whether trying again can help.

/// How a command ends, as the command line documents it (after sysexits.h where it has a code).
public enum ExitCode: Int32, Sendable {
  case success = 0
  /// A failure at run time that none of the others names.
  case failure = 1
  /// A check failed: an SLO, a test, a comparison.
  case checkFailed = 3
  case usage = 64
  case badData = 65
  case noInput = 66
  /// Kafka or Redis cannot be reached, or refuses.
  case unavailable = 69
  case inputOutput = 74
  case badConfiguration = 78
  /// Ended by a second interrupt.
  case forced = 130
}

/// Thrown by what waits for others, such as a connection that is being made, once the user or the system has asked for the end.
public struct StopRequested: Error, Equatable {
  public init() {}
}

/// An error that carries its exit code.
public struct Failure: Error, CustomStringConvertible, Sendable {
  public var code: ExitCode
  public var message: String
  /// Whether the same call may succeed later (a connection refused: yes; a wrong password: no).
  public var isRetryable: Bool

  public init(_ code: ExitCode, _ message: String, isRetryable: Bool = false) {
    self.code = code
    self.message = message
    self.isRetryable = isRetryable
  }

  public var description: String { message }
}
