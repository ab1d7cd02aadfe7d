// Connections to a real Redis that break for good after so many bytes of commands, as those of a process that is killed then.

import Base
import Foundation

@testable import RedisStore

final class CuttingTransport: RedisTransport {
  private let path: String
  /// Bytes that may still be sent.
  var budget: Int
  private(set) var sentByteCount = 0

  init(path: String, budget: Int) {
    self.path = path
    self.budget = budget
  }

  func open(_ address: RedisAddress) throws(RedisWireError) -> any RedisByteStream {
    guard budget > 0 else { throw RedisWireError("killed") }
    return try Stream(self, path)
  }

  private final class Stream: RedisByteStream {
    private let transport: CuttingTransport
    private let descriptor: Int32

    init(_ transport: CuttingTransport, _ path: String) throws(RedisWireError) {
      self.transport = transport
      #if canImport(Glibc)
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      #else
        descriptor = socket(AF_UNIX, SOCK_STREAM, 0)
      #endif
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
      let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      guard result == 0 else { throw RedisWireError("cannot connect") }
    }

    deinit { close(descriptor) }

    func write(_ bytes: UnsafeBufferPointer<UInt8>) throws(RedisWireError) {
      let count = min(bytes.count, transport.budget)
      transport.budget -= count
      transport.sentByteCount += count
      var sent = 0
      while sent < count {
        let written = send(descriptor, bytes.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
        guard written > 0 else { throw RedisWireError("closed") }
        sent += written
      }
      if count < bytes.count { throw RedisWireError("killed") }
    }

    func read(into buffer: ByteBuffer) throws(RedisWireError) {
      guard transport.budget > 0 else { throw RedisWireError("killed") }
      buffer.reserve(1 << 14)
      let count = recv(descriptor, buffer.base + buffer.count, 1 << 14, 0)
      guard count > 0 else { throw RedisWireError("closed") }
      buffer.count += count
    }
  }
}
