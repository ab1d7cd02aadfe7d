// All bytes to a file descriptor, or a reason why not.

import Base
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The reader of a pipe has gone away: the end of the work, not a failure.
public struct ClosedPipe: Error {
  public init() {}
}

/// Writes to a descriptor that it does not own, such as standard output, or to a file that it does.
/// Several threads may share one: what a call writes stays together.
public final class FileDescriptorWriter: Sendable {
  /// `stdout`, or `file:PATH`.
  public let name: String
  private let descriptor: Int32
  let ownsDescriptor: Bool
  private let written = Mutex<Int64>(0)
  private let isClosed = Atomic<Bool>(false)

  public init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
    ownsDescriptor = false
  }

  /// Takes over an open descriptor, to close it in the end.
  init(owning descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
    ownsDescriptor = true
  }

  /// Creates the file, or empties it.
  public init(path: String) throws(Failure) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Failure(.inputOutput, "cannot create '\(path)': \(String(cString: strerror(errno)))") }
    name = "file:\(path)"
    ownsDescriptor = true
  }

  deinit { if ownsDescriptor, !isClosed.load(ordering: .relaxed) { _ = Glibc.close(descriptor) } }

  public var writtenByteCount: Int64 { written.withLock { $0 } }

  /// Writes every byte. Throws `ClosedPipe` when nobody reads any more, `Failure` with exit code 74 for anything else.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    try written.withLock { writtenByteCount in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count >= 0 {
          writtenByteCount += Int64(count)
          rest = rest.dropFirst(count)
        } else {
          try recover(from: errno, after: writtenByteCount)
        }
      }
    }
  }

  /// Returns where the same write is worth another try.
  private func recover(from code: Int32, after writtenByteCount: Int64) throws {
    switch code {
    case EINTR: return
    case EAGAIN:
      var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = poll(&request, 1, 100)
    case EPIPE: throw ClosedPipe()
    default:
      throw Failure(.inputOutput, "cannot write to \(name) after \(writtenByteCount) bytes: \(String(cString: strerror(code)))")
    }
  }

  /// Waits until the file's bytes are on its device. What cannot be synced, such as a pipe or a terminal, need not be.
  public func synchronize() throws(Failure) {
    while fsync(descriptor) != 0 {
      switch errno {
      case EINTR: continue
      case EINVAL, ENOTSUP, EROFS: return
      default: throw failure("sync", errno)
      }
    }
  }

  /// Closes a file, which may be when a file system over a network tells that it is full. Nothing may be written afterwards.
  public func close() throws(Failure) {
    guard ownsDescriptor, !isClosed.exchange(true, ordering: .relaxed) else { return }
    // After EINTR Linux has closed the descriptor.
    guard Glibc.close(descriptor) == 0 || errno == EINTR else { throw failure("close", errno) }
  }

  private func failure(_ action: String, _ code: Int32) -> Failure {
    Failure(.inputOutput, "cannot \(action) \(name) after \(writtenByteCount) bytes: \(String(cString: strerror(code)))")
  }
}
