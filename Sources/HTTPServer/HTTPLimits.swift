// What one client may take of a server: bytes, connections and time. Whoever takes more is refused and disconnected.

public struct HTTPLimits: Sendable {
  /// Bytes of a request's line and headers.
  public var headByteCountMax = 16_384
  public var headerCountMax = 64
  public var bodyByteCountMax = 1 << 20
  public var connectionCountMax = 256
  /// How long the head of a first request, and then a body, may take to arrive.
  public var requestMilliseconds: Int64 = 10_000
  /// How long a handler that answers later may take, where it sets no bound of its own; then the answer is 504.
  public var answerMilliseconds: Int64 = 30_000
  /// How long a connection may wait for its next request, with its head.
  public var idleMilliseconds: Int64 = 60_000
  /// How long a client may take to receive a response, or one piece of a stream.
  public var responseMilliseconds: Int64 = 10_000
  /// Bytes of a stream that its client has not taken yet; one that leaves more is cut off.
  public var streamByteCountMax = 1 << 20
  /// How long a refused client may go on sending, so that it comes to read the refusal.
  public var lingerMilliseconds: Int64 = 1_000

  public init() {}
}
