// When a sink goes on in a new file, and what its files hold.

import Base

/// When a file is complete; the first of the limits that is reached counts.
public struct FileRolling: Equatable, Sendable {
  /// Bytes of a file before compression, its header included; a record that alone is longer has a file to itself.
  public var byteCount: Int64?
  public var recordCount: Int64?
  /// Length of the period that a file holds, in ms of the records' event time, aligned to the epoch. A record that was marked late or whose
  /// clock is wrong does not begin a period, and no record goes back to one that is over.
  public var milliseconds: Int64?

  public init(byteCount: Int64? = nil, recordCount: Int64? = nil, milliseconds: Int64? = nil) {
    for limit in [byteCount, recordCount, milliseconds] { precondition(limit ?? 1 > 0, "a limit of a file is above 0") }
    self.byteCount = byteCount
    self.recordCount = recordCount
    self.milliseconds = milliseconds
  }

  /// One file for everything.
  public static let none = FileRolling()

  public var isOn: Bool { self != .none }

  /// The period of a time: how many lengths after the epoch it begins.
  func period(of timestamp: Int64) -> Int64? {
    guard let milliseconds, timestamp != .min else { return nil }
    let quotient = timestamp / milliseconds
    return timestamp % milliseconds < 0 ? quotient - 1 : quotient
  }

  /// When a period begins, in ms since the epoch.
  func start(ofPeriod period: Int64) -> Int64 {
    // A period comes from a time by division, so its start lies at most one length before the least time.
    period.multipliedReportingOverflow(by: milliseconds ?? 1).overflow ? .min : period * (milliseconds ?? 1)
  }
}

/// What a file holds, besides its records.
public enum FileContent: Sendable {
  /// Lines, after these bytes: the first line of a CSV file, or nothing.
  case lines(header: [UInt8])
  /// Binary records in the blocks of an Avro object container file.
  case avro(AvroContainer)

  public static let plainLines = FileContent.lines(header: [])
}

/// One of several streams that each have files of their own.
public struct FileStream: Sendable {
  /// What `{stream}` stands for.
  public var name: String
  public var content: FileContent

  public init(name: String, content: FileContent = .plainLines) {
    self.name = name
    self.content = content
  }
}
