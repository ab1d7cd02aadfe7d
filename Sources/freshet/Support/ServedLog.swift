// The file that `serve --log-served` appends to: whole lines, from any thread.

import Base
import Foundation
import LocalTransport
import Synchronization

final class ServedLog: Sendable {
  private let descriptor: Int32
  private let path: String
  private let lock = Mutex(())

  init(path: String) throws {
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Failure(.inputOutput, "--log-served: cannot open \(path): \(String(cString: strerror(errno)))")
    }
    self.path = path
  }

  func append(_ lines: UnsafeBufferPointer<UInt8>) throws {
    try lock.withLock { _ in
      var rest = UnsafeRawBufferPointer(lines)[...]
      while !rest.isEmpty {
        let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw Failure(.inputOutput, "cannot write \(path): \(String(cString: strerror(errno)))") }
        rest = rest.dropFirst(count)
      }
    }
  }

  func close() throws {
    guard Foundation.close(descriptor) == 0 else {
      throw Failure(.inputOutput, "cannot write \(path): \(String(cString: strerror(errno)))")
    }
  }
}
