// All bytes to a file descriptor, or a reason why not.

import Base

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
public final class FileDescriptorWriter {
  /// `stdout`, or `file:PATH`.
  public let name: String
  private let descriptor: Int32
  private let ownsDescriptor: Bool
  public private(set) var writtenByteCount: Int64 = 0

  public init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
    ownsDescriptor = false
  }

  /// Creates the file, or empties it.
  public init(path: String) throws(Failure) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Failure(.inputOutput, "cannot create '\(path)': \(String(cString: strerror(errno)))") }
    name = "file:\(path)"
    ownsDescriptor = true
  }

  deinit { if ownsDescriptor { _ = Glibc.close(descriptor) } }

  /// Writes every byte. Throws `ClosedPipe` when nobody reads any more, `Failure` with exit code 74 for anything else.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EAGAIN {
          var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          _ = poll(&request, 1, 100)
          continue
        }
        if errno == EPIPE { throw ClosedPipe() }
        throw Failure(
          .inputOutput, "cannot write to \(name) after \(writtenByteCount) bytes: \(String(cString: strerror(errno)))")
      }
      writtenByteCount += Int64(count)
      rest = rest.dropFirst(count)
    }
  }

  /// Waits until the file's bytes are on its device.
  public func synchronize() throws(Failure) {
    guard fsync(descriptor) == 0 else {
      throw Failure(.inputOutput, "cannot sync \(name): \(String(cString: strerror(errno)))")
    }
  }
}
