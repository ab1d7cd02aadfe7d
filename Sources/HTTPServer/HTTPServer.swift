// A small HTTP/1.1 server on SwiftNIO, for health, metrics and features: bounded in bytes, connections and time, with an orderly end. It knows
// nothing of what it serves.

import Base
import Dispatch
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public final class HTTPServer: Sendable {
  /// Where it listens; the port is the one that the system chose where none was named.
  public let address: ListenAddress
  private let group: MultiThreadedEventLoopGroup
  private let pool: NIOThreadPool
  private let hasStopped = Atomic<Bool>(false)
  private let listener: any Channel
  private let connections: HTTPConnections

  /// Listens from now on.
  ///
  /// - Parameters:
  ///   - threadCount: Threads that serve connections; one is enough for health and metrics.
  ///   - waitingThreadCount: Threads for handlers that wait.
  public init(
    _ address: ListenAddress, _ router: HTTPRouter, limits: HTTPLimits = HTTPLimits(), threadCount: Int = 1,
    waitingThreadCount: Int = 1, logger: Logger = Logger(label: "freshet.http")
  ) throws(Failure) {
    let pool = NIOThreadPool(numberOfThreads: waitingThreadCount)
    let connections = HTTPConnections(router, limits, pool, logger)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: threadCount)
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 256)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      // What is read at once is what may have to be held back.
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelInitializer { connections.take($0) }
    do {
      listener = try bootstrap.bind(host: address.host, port: address.port).wait()
    } catch {
      try? group.syncShutdownGracefully()
      throw Failure(.inputOutput, "cannot listen on \(address): \(Self.reason(error))")
    }
    self.address = ListenAddress(host: address.host, port: listener.localAddress?.port ?? address.port)
    self.connections = connections
    self.group = group
    self.pool = pool
    pool.start()
  }

  /// Connections that are open now, but those that were refused.
  public var connectionCount: Int { connections.all.count }

  /// Takes no more connections, answers the requests that have come, and closes; what takes longer than `graceMilliseconds` is cut off. Called
  /// before the server is let go; a second time does nothing.
  public func stop(graceMilliseconds: Int64 = 500) {
    guard !hasStopped.exchange(true, ordering: .relaxed) else { return }
    try? listener.close().wait()
    let open = connections.all
    for connection in open { connection.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    let cut = group.next().scheduleTask(in: .milliseconds(graceMilliseconds)) {
      for connection in open { connection.close(promise: nil) }
    }
    try? EventLoopFuture.andAllComplete(open.map(\.closeFuture), on: group.next()).wait()
    cut.cancel()
    let handlersEnded = DispatchSemaphore(value: 0)
    pool.shutdownGracefully { _ in handlersEnded.signal() }
    // A handler that still waits is left to itself, with the threads that it will answer to.
    guard handlersEnded.wait(timeout: .now() + .milliseconds(Int(graceMilliseconds))) == .success else { return }
    try? group.syncShutdownGracefully()
  }

  /// The system's words, without the name of the call.
  private static func reason(_ error: any Error) -> String {
    (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
  }
}

/// The connections that are open.
private final class HTTPConnections: Sendable {
  private let router: HTTPRouter
  private let limits: HTTPLimits
  private let pool: NIOThreadPool
  private let logger: Logger
  private let open = Mutex<[ObjectIdentifier: any Channel]>([:])

  init(_ router: HTTPRouter, _ limits: HTTPLimits, _ pool: NIOThreadPool, _ logger: Logger) {
    self.router = router
    self.limits = limits
    self.pool = pool
    self.logger = logger
  }

  var all: [any Channel] { open.withLock { Array($0.values) } }

  func take(_ channel: any Channel) -> EventLoopFuture<Void> {
    let identifier = ObjectIdentifier(channel)
    let isWelcome = open.withLock { open in
      guard open.count < limits.connectionCountMax else { return false }
      open[identifier] = channel
      return true
    }
    channel.closeFuture.whenComplete { _ in self.open.withLock { _ = $0.removeValue(forKey: identifier) } }
    return channel.eventLoop.makeCompletedFuture { [router, limits, pool, logger] in
      let pipeline = channel.pipeline.syncOperations
      guard isWelcome else { return try pipeline.addHandler(RefusedConnection()) }
      var decoderLimits = NIOHTTPDecoderLimitConfiguration()
      decoderLimits.maxHeaderFieldSize = limits.headByteCountMax
      decoderLimits.maxHeaderListSize = limits.headByteCountMax
      decoderLimits.maxHeaderFieldCount = limits.headerCountMax
      try pipeline.addHandler(
        ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoderLimits)))
      try pipeline.addHandler(HTTPConnection(router, limits, pool, logger))
    }
  }
}
