// What one process has said of itself over time: the newest document, and older ones to take off it, one per second for as long as the longest window. A
// process that was started again begins anew.

import Base

struct StatusHistory {
  /// Documents a second apart, oldest first; times by the monotonic clock in ns.
  private var kept: [(at: UInt64, document: StatusDocument)] = []
  private(set) var newest: (at: UInt64, document: StatusDocument)?

  /// Beyond ten minutes nobody looks.
  private static let keptCountMax = 601
  private static let everyNanoseconds: UInt64 = 950_000_000

  /// True where the process is another than before.
  mutating func append(_ document: StatusDocument, at time: UInt64) -> Bool {
    let isAnother =
      newest.map { $0.document.instance != document.instance || $0.document.startedAt != document.startedAt } ?? false
    if isAnother { kept = [] }
    newest = (time, document)
    if kept.last.map({ time - $0.at >= Self.everyNanoseconds }) ?? true {
      kept.append((time, document))
      if kept.count > Self.keptCountMax { kept.removeFirst(kept.count - Self.keptCountMax) }
    }
    return isAnother
  }

  /// The document that lies about `nanoseconds` before the newest one, or the oldest there is; nil where there is only one.
  func earlier(by nanoseconds: UInt64) -> (at: UInt64, document: StatusDocument)? {
    guard let newest else { return nil }
    let wanted = newest.at > nanoseconds ? newest.at - nanoseconds : 0
    // Half a step of tolerance, so that a window of a second has one.
    let found = kept.last { $0.at <= wanted + Self.everyNanoseconds / 2 } ?? kept.first
    return found.flatMap { $0.at < newest.at ? $0 : nil }
  }
}
