// What a process of Freshet says of itself at /status.json, for a monitor: counts since its start and distributions of durations, which a monitor adds up
// over processes and takes off each other over time. A process has the sections of what it does: `serve` may run batches, `process` may archive.
// Times are ms since the epoch, by the clock of the process; durations ns.

import Measuring

public struct StatusDocument: Codable, Equatable, Sendable {
  public static let path = "/status.json"

  public var version: String
  public var pipeline: String
  /// `host:pid`, which tells processes apart.
  public var instance: String
  public var startedAt: Int64
  /// When this was written: with the time of the request it gives the offset of the clock.
  public var now: Int64
  /// What stands between the process and its work; empty where it is ready.
  public var obstacles: [String] = []

  public var process: Process?
  public var serve: Serve?
  public var archive: Archive?
  public var batch: Batch?
  public var generate: Generate?

  public init(version: String, pipeline: String, instance: String, startedAt: Int64, now: Int64) {
    self.version = version
    self.pipeline = pipeline
    self.instance = instance
    self.startedAt = startedAt
    self.now = now
  }

  /// A stream processor.
  public struct Process: Codable, Equatable, Sendable {
    public var records: Int64 = 0
    public var recordBytes: Int64 = 0
    public var rows: Int64 = 0
    public var windowRows: Int64 = 0
    public var flushes: Int64 = 0
    public var checkpoints: Int64 = 0
    public var storeOutages: Int64 = 0
    /// By reason, as the ledger calls it.
    public var uncounted: [String: Int64] = [:]
    public var workers = 0
    public var partitions = 0
    public var waitingPartitions = 0
    public var replayingPartitions = 0
    public var keys = 0
    public var panes = 0
    public var lagRecords: Int64?
    public var watermark: Int64?
    public var lastFlushAt: Int64?
    public var lastCheckpointAt: Int64?
    /// When the record happened that has been waiting longest to become visible, of those that have been read; nil where none waits.
    public var oldestPendingEventAt: Int64?
    /// Of every record, from the topics themselves.
    public var stages = Stages()
    public var views: [View] = []

    public init() {}

    /// Up to here the ways of all views are the same. Empty where the source has no times of its own.
    public struct Stages: Codable, Equatable, Sendable {
      /// From the event's time to the log's timestamp.
      public var eventToLog = DurationDistribution()
      /// From there until it was polled.
      public var logToRead = DurationDistribution()
      /// From there until it was in the windows' state.
      public var readToApplied = DurationDistribution()

      public init() {}
    }

    public struct View: Codable, Equatable, Sendable {
      public var name: String
      /// `change` or `close`.
      public var trigger: String
      public var emitEveryMilliseconds: Int64?
      /// From state until the store had confirmed the row: the wait for `emit.every`, and the write.
      public var appliedToVisible = DurationDistribution()
      /// From the event's time until then; of windows that close, from the end of the window.
      public var eventToVisible = DurationDistribution()

      public init(name: String, trigger: String, emitEveryMilliseconds: Int64?) {
        self.name = name
        self.trigger = trigger
        self.emitEveryMilliseconds = emitEveryMilliseconds
      }
    }
  }

  /// A feature server.
  public struct Serve: Codable, Equatable, Sendable {
    /// Answers by status code of HTTP.
    public var requests: [String: Int64] = [:]
    public var rows: Int64 = 0
    public var waitingRequests = 0
    /// From a request that has come whole to its answer.
    public var latency = DurationDistribution()
    /// Where that time goes, in the order in which it passes: parse, queue, redis, compute, encode.
    public var phases: [Phase] = []
    public var views: [View] = []

    public init() {}

    public struct Phase: Codable, Equatable, Sendable {
      public var name: String
      public var duration = DurationDistribution()

      public init(name: String, duration: DurationDistribution = DurationDistribution()) {
        self.name = name
        self.duration = duration
      }
    }

    /// A view in one lane, as it was served.
    public struct View: Codable, Equatable, Sendable {
      public var name: String
      public var lane: String
      /// Rows by status: PRESENT, NULL_VALUE, NOT_FOUND, STALE, INVALID.
      public var statuses: [String: Int64] = [:]
      /// From `as_of` to the request, of rows that were found; of nrt from the newest event that they can show, which is `lateness` later.
      public var staleness = DurationDistribution()
      /// Of the lane rt: how long computing the rows of a request took.
      public var compute = DurationDistribution()

      public init(name: String, lane: String) {
        self.name = name
        self.lane = lane
      }
    }
  }

  public struct Archive: Codable, Equatable, Sendable {
    public var records: Int64 = 0
    public var archivedRecords: Int64 = 0
    public var storedBytes: Int64 = 0
    public var files: Int64 = 0
    public var lagRecords: Int64?
    public var lastCommitAt: Int64?

    public init() {}
  }

  /// Runs of the lane batch.
  public struct Batch: Codable, Equatable, Sendable {
    public var runs: Int64 = 0
    public var failures: Int64 = 0
    public var views: [View] = []

    public init() {}

    public struct View: Codable, Equatable, Sendable {
      public var name: String
      /// The last run that was published: through which event time, when readers began to see it, how long it took, how much there was.
      public var asOf: Int64?
      public var publishedAt: Int64?
      public var runNanoseconds: Int64?
      public var records: Int64?
      public var rows: Int64?
      /// Since when one is under way.
      public var runningSince: Int64?
      /// How often one is due, in ms.
      public var everyMilliseconds: Int64?
      /// Of all runs since the start of the process.
      public var duration = DurationDistribution()

      public init(name: String) { self.name = name }
    }
  }

  public struct Generate: Codable, Equatable, Sendable {
    public var events: Int64 = 0
    public var bytes: Int64 = 0
    public var delivered: Int64 = 0
    public var failed: Int64 = 0
    /// Events per second that are asked for now; nil for as many as possible.
    public var askedRate: Double?
    /// How long after its intended time an event was sent.
    public var behindSchedule = DurationDistribution()

    public init() {}
  }
}
