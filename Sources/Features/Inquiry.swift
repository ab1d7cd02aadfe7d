// Questions to a running processor, and its answers: left beside its checkpoints, looked at by its workers at most once a second. Both are
// JSON texts, so that a store only has to keep them.

import Base
import Foundation

/// What is asked: one feature of one key.
public struct Inquiry: Codable, Sendable, Equatable {
  public var view: String
  public var feature: String
  /// Nil for `entity: all`.
  public var key: String?

  public init(view: String, feature: String, key: String?) {
    self.view = view
    self.feature = feature
    self.key = key
  }
}

/// What one worker knows of it.
public struct InquiryAnswer: Codable, Sendable {
  /// One pane or session.
  public struct Part: Codable, Sendable {
    /// In ms since the epoch; both nil where one pane holds everything.
    public var start: Int64?
    public var end: Int64?
    /// As JSON.
    public var value: String
    /// Whether it is in the value.
    public var counts: Bool

    public init(start: Int64?, end: Int64?, value: String, counts: Bool) {
      self.start = start
      self.end = end
      self.value = value
      self.counts = counts
    }
  }

  /// What a partition holds of the key.
  public struct Finding: Codable, Sendable {
    public var partition: Int32
    /// The offset of the next record: all before it are in the value.
    public var nextOffset: Int64
    public var streamTime: Int64
    public var watermark: Int64
    /// As JSON, with the default where no record is in the window.
    public var value: String
    /// The window that closes next, for views of closed windows.
    public var windowStart: Int64?
    public var windowEnd: Int64?
    /// The oldest first; none for a feature that is made of others.
    public var parts: [Part]
    /// The stream time at which the value changes without a record, or its window closes.
    public var nextChange: Int64?
    /// The greatest event time of the key.
    public var lastEvent: Int64

    public init(
      partition: Int32, nextOffset: Int64, streamTime: Int64, watermark: Int64, value: String, windowStart: Int64?,
      windowEnd: Int64?,
      parts: [Part], nextChange: Int64?, lastEvent: Int64
    ) {
      self.partition = partition
      self.nextOffset = nextOffset
      self.streamTime = streamTime
      self.watermark = watermark
      self.value = value
      self.windowStart = windowStart
      self.windowEnd = windowEnd
      self.parts = parts
      self.nextChange = nextChange
      self.lastEvent = lastEvent
    }
  }

  /// The partitions of the worker, rising.
  public var partitions: [Int32]
  /// What it has of the key; nil where it has nothing.
  public var finding: Finding?

  public init(partitions: [Int32], finding: Finding?) {
    self.partitions = partitions
    self.finding = finding
  }
}

/// Keeps questions and answers of one pipeline for a few seconds.
public protocol InquiryBox: AnyObject {
  /// The questions that wait, by identifier.
  func waiting() throws -> [String: String]
  /// Adds an answer.
  func answer(_ identifier: String, with text: String) throws
  /// Leaves a question; it is forgotten after a few seconds.
  func ask(_ identifier: String, _ text: String) throws
  /// The answers so far.
  func answers(to identifier: String) throws -> [String]
  /// Takes a question and its answers away.
  func withdraw(_ identifier: String) throws
}

extension Inquiry {
  public var text: String { get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) } }

  public init(text: String) throws { self = try JSONDecoder().decode(Inquiry.self, from: Data(text.utf8)) }
}

extension InquiryAnswer {
  public var text: String { get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) } }

  public init(text: String) throws { self = try JSONDecoder().decode(InquiryAnswer.self, from: Data(text.utf8)) }
}
