// What a server may take and who may ask it.

public struct ServingSettings: Sendable {
  /// Rows of one request.
  public var entityCountMax = 1000
  public var bodyByteCountMax = 4 << 20
  public var connectionCountMax = 1024
  /// Requests that wait for a thread; more are answered with 503.
  public var queueCountMax = 1024
  /// Threads that look up, each with a connection of its own.
  public var threadCount = 1
  /// Rows that one round trip reads for requests that wait together.
  public var tripRowCountMax = 2000
  /// How long an answer may take where the service does not say it.
  public var timeoutMilliseconds: Int64 = 2000
  /// What `Authorization: Bearer` must bring; nil where everybody may ask.
  public var token: [UInt8]?
  public var version = ""
  /// `host:pid`: what tells this process from others.
  public var instance = ""

  public init() {}
}

/// A secret that requests bring.
struct BearerToken: Sendable {
  private let token: [UInt8]

  init(_ token: [UInt8]) { self.token = token }

  /// Takes as long for a wrong token as for the right one, whatever they have in common.
  func isIn(_ header: String?) -> Bool {
    guard let header, !token.isEmpty else { return false }
    let bytes = Array(header.utf8)
    let scheme = Array("bearer ".utf8)
    guard bytes.count > scheme.count, zip(bytes, scheme).allSatisfy({ ($0 | 0x20) == $1 }) else { return false }
    let given = bytes[scheme.count...]
    var difference = UInt64(truncatingIfNeeded: given.count ^ token.count)
    for (index, byte) in given.enumerated() { difference |= UInt64(byte ^ token[index % token.count]) }
    return difference == 0
  }
}
