// Whether a processor lives, and whether it is ready, from what its workers have published. Alive: every worker moves. Ready: every worker knows
// its partitions, shows their current values, and reaches what it reads from and writes to. Each answer has its reasons, one per line.

/// How the writer of a source's archive gets on.
public struct ArchiveHealth: Equatable, Sendable {
  /// The name of the source.
  public var source: String
  /// Whether it is known which partitions are ours, be it none.
  public var hasJoined = false
  /// Why no records can come.
  public var trouble: String?
  public var partitionCount = 0
  /// By the monotonic clock, in ns.
  public var publishedAt: UInt64
  public var hasEnded = false

  public init(source: String, publishedAt: UInt64) {
    self.source = source
    self.publishedAt = publishedAt
  }
}

public struct ProcessingHealth: Sendable {
  /// Of each worker, in the order of their numbers.
  public var workers: [ProcessingStatus.Report]
  /// Of the sources that are archived beside the workers.
  public var archives: [ArchiveHealth] = []
  /// Whether every worker has been started.
  public var hasStarted: Bool
  /// Whether the end has been asked for.
  public var isStopping: Bool
  /// By the monotonic clock, in ns.
  public var now: UInt64

  public init(workers: [ProcessingStatus.Report], hasStarted: Bool, isStopping: Bool, now: UInt64) {
    self.workers = workers
    self.hasStarted = hasStarted
    self.isStopping = isStopping
    self.now = now
  }

  /// Workers that have not moved for `limit` ms: empty where all live. One that has ended is not expected to move.
  public func stalls(after limit: Int64) -> [String] {
    guard hasStarted else { return [] }
    return workers.enumerated().compactMap { index, worker in
      let age = now > worker.publishedAt ? Int64((now - worker.publishedAt) / 1_000_000) : 0
      guard !worker.hasEnded, age > limit else { return nil }
      return "\(name(index)) has not moved for \(age / 1000) s"
    }
  }

  /// What stands between this processor and current values: empty where it is ready.
  public var obstacles: [String] {
    if isStopping { return ["stopping: the end was asked for"] }
    guard hasStarted else { return ["starting: connections are being made"] }
    return workers.enumerated().flatMap { index, worker in
      obstacles(of: worker).map { "\(name(index)): \($0)" }
    } + Self.obstacles(of: archives, now: now)
  }

  /// What holds up the writers of archives.
  public static func obstacles(of archives: [ArchiveHealth], now: UInt64) -> [String] {
    archives.flatMap { archive in obstacles(of: archive, now).map { "archive of '\(archive.source)': \($0)" } }
  }

  /// A slow disk holds no values up, and is not a reason to start anew; that it is slow can be seen.
  private static let archiveStallNanoseconds: UInt64 = 30_000_000_000

  private static func obstacles(of archive: ArchiveHealth, _ now: UInt64) -> [String] {
    if archive.hasEnded { return [] }
    var lines: [String] = []
    if let trouble = archive.trouble { lines.append(trouble) }
    if !archive.hasJoined { lines.append("the consumer group has not said yet which partitions are its own") }
    let age = now > archive.publishedAt ? now - archive.publishedAt : 0
    if age > archiveStallNanoseconds { lines.append("it has not moved for \(age / 1_000_000_000) s") }
    return lines
  }

  private func obstacles(of worker: ProcessingStatus.Report) -> [String] {
    if worker.hasEnded { return [] }
    var lines: [String] = []
    if let trouble = worker.health.sourceTrouble { lines.append(trouble) }
    if let trouble = worker.health.storeTrouble { lines.append("the store does not answer: \(trouble)") }
    if !worker.health.hasJoined { lines.append("the consumer group has not said yet which partitions are its own") }
    let counts = worker.counts
    if counts.waitingPartitions > 0 { lines.append("\(Self.partitions(counts.waitingPartitions)) not claimed yet") }
    if counts.replayingPartitions > 0 {
      lines.append(
        "\(Self.partitions(counts.replayingPartitions)) being read again, \(counts.replayDistance) offsets before what was shown last"
      )
    }
    return lines
  }

  /// One line for people while all is well.
  public var summary: String {
    let count = workers.count { !$0.hasEnded }
    let partitions = workers.reduce(0) { $0 + $1.counts.partitions }
    return "\(count) \(count == 1 ? "worker" : "workers"), "
      + (partitions == 0 ? "no partitions: others have them, or the topic does not exist yet" : Self.partitions(partitions))
      + archives.map { "; archive of '\($0.source)': \(Self.partitions($0.partitionCount))" }.joined()
  }

  private func name(_ index: Int) -> String { workers.count == 1 ? "worker" : "worker \(index + 1) of \(workers.count)" }

  private static func partitions(_ count: Int) -> String { count == 1 ? "1 partition" : "\(count) partitions" }
}
