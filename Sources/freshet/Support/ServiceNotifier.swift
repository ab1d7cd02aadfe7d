// What systemd is told of a service: datagrams to the socket that NOTIFY_SOCKET names, as sd_notify(3) describes them. Without that variable
// nothing happens; what cannot be sent is never an error.

import Base
import Foundation

final class ServiceNotifier: Sendable {
  private let descriptor: Int32
  private let address: [UInt8]
  /// How often systemd wants to hear that the service is alive, in ns: half of what it would bear.
  let watchdogNanoseconds: UInt64?

  /// Nil where no supervisor listens.
  init?(environment: [String: String]) {
    guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@") else { return nil }
    var bytes = Array(path.utf8)
    guard bytes.count > 1, bytes.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else { return nil }
    // An abstract name begins with a zero byte; see unix(7).
    if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
    #if canImport(Glibc)
      descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    #else
      descriptor = socket(AF_UNIX, SOCK_DGRAM, 0)
    #endif
    guard descriptor >= 0 else { return nil }
    address = bytes
    // The watchdog is meant for the process that WATCHDOG_PID names.
    let isMeant = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
    watchdogNanoseconds = isMeant ? environment["WATCHDOG_USEC"].flatMap { UInt64($0) }.map { $0 / 2 * 1000 } : nil
  }

  deinit { close(descriptor) }

  func ready() { send("READY=1") }
  func stopping() { send("STOPPING=1") }
  func alive() { send("WATCHDOG=1") }
  /// One line for `systemctl status`.
  func status(_ text: String) { send("STATUS=\(text.replacingOccurrences(of: "\n", with: "; "))") }

  private func send(_ text: String) {
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: address) }
    let nameByteCount = MemoryLayout.offset(of: \sockaddr_un.sun_path)! + address.count
    let message = Array(text.utf8)
    _ = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, message, message.count, Int32(MSG_DONTWAIT), $0, socklen_t(nameByteCount))
      }
    }
  }
}
