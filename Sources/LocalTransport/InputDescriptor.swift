// A file or a pipe to read from: waits, reads, and says what went wrong with whose name.

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Owns the descriptor where it opened it.
final class InputDescriptor {
  /// For messages.
  let name: String
  private let descriptor: Int32
  /// Opened by its path, so that the next run finds it again.
  var isFile: Bool { ownsDescriptor }
  private let ownsDescriptor: Bool

  /// Reads from a descriptor that stays open afterwards, such as standard input.
  init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
    ownsDescriptor = false
  }

  /// Opens a file.
  init(path: String) throws(Failure) {
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(.noInput, "cannot open '\(path)': \(String(cString: strerror(errno)))") }
    name = "file:\(path)"
    ownsDescriptor = true
  }

  deinit { if ownsDescriptor { _ = Glibc.close(descriptor) } }

  /// Appends up to `byteCount` bytes to `bytes`; returns how many, 0 at the end.
  func read(_ byteCount: Int, into bytes: ByteBuffer) throws(Failure) -> Int {
    bytes.reserve(byteCount)
    while true {
      let count = Glibc.read(descriptor, bytes.base + bytes.count, byteCount)
      if count >= 0 {
        bytes.count += count
        return count
      }
      if errno == EINTR { continue }
      let code: ExitCode = errno == EISDIR ? .noInput : .inputOutput
      throw Failure(code, "cannot read \(name): \(String(cString: strerror(errno)))")
    }
  }

  /// Passes over the first `byteCount` bytes, which have been read by an earlier run; returns the last two of them, or what there is.
  func skip(_ byteCount: Int64) throws(Failure) -> [UInt8] {
    var information = stat()
    guard fstat(descriptor, &information) == 0 else {
      throw Failure(.inputOutput, "cannot read \(name): \(String(cString: strerror(errno)))")
    }
    var rest = byteCount
    if information.st_mode & S_IFMT == S_IFREG {
      guard information.st_size >= byteCount else { throw tooShort(Int64(information.st_size), byteCount) }
      let place = max(0, byteCount - 2)
      guard lseek(descriptor, off_t(place), SEEK_SET) == off_t(place) else {
        throw Failure(.inputOutput, "cannot go to byte \(byteCount) of \(name): \(String(cString: strerror(errno)))")
      }
      rest -= place
    }
    let passed = ByteBuffer(capacity: 1 << 20)
    var tail: [UInt8] = []
    while rest > 0 {
      passed.removeAll()
      let count = try read(Int(min(rest, 1 << 20)), into: passed)
      guard count > 0 else { throw tooShort(byteCount - rest, byteCount) }
      rest -= Int64(count)
      tail = (tail + passed.bytes.suffix(2)).suffix(2)
    }
    return tail
  }

  private func tooShort(_ found: Int64, _ expected: Int64) -> Failure {
    Failure(
      .badData,
      "\(name) has \(found) bytes, but an earlier run has read \(expected) of them: it is another input now. "
        + "--ignore-checkpoints reads it from its beginning")
  }

  /// Lets a poll of a paused source take its time.
  func rest(_ timeoutMilliseconds: Int) -> PollResult {
    usleep(UInt32(timeoutMilliseconds) * 1000)
    return .idle
  }

  /// Whether there is something to read, or the end, within the timeout. An interrupted wait counts as nothing.
  func waitUntilReadable(_ timeoutMilliseconds: Int) throws(Failure) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let code = Glibc.poll(&request, 1, Int32(timeoutMilliseconds))
    if code < 0, errno != EINTR { throw Failure(.inputOutput, "cannot wait for \(name): \(String(cString: strerror(errno)))") }
    return code > 0
  }
}
