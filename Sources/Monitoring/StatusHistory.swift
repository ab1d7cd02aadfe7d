// What one process has said of itself over time: the newest document, and older ones to take off it, one per second for as long as the longest window. A
// process that was started again begins anew.

import Base

struct StatusHistory {
  /// Documents a second apart, oldest first; times by the monotonic clock in ns.
  private var kept: [(at: UInt64, document: StatusDocument)] = []
  private(set) var newest: (at: UInt64, document: StatusDocument)?
  /// What it said when it was asked for the first time: where everything since the start is wanted, however long ago that is.
  private var first: (at: UInt64, document: StatusDocument)?

  /// The longest window but that: ten minutes, and some more, since they are never quite a second apart.
  private static let keptCountMax = 640
  private static let everyNanoseconds: UInt64 = 950_000_000

  /// True where the process is another than before.
  mutating func append(_ document: StatusDocument, at time: UInt64) -> Bool {
    let isAnother =
      newest.map { $0.document.instance != document.instance || $0.document.startedAt != document.startedAt } ?? false
    if isAnother { (kept, first) = ([], nil) }
    newest = (time, document)
    if first == nil { first = (time, document) }
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
    let found = kept.last { $0.at <= wanted + Self.everyNanoseconds / 2 } ?? first
    return found.flatMap { $0.at < newest.at ? $0 : nil }
  }

  /// For how long a count has been what it is now, in ns, as far back as documents are kept; nil where nothing is known.
  func unchanged(_ get: (StatusDocument) -> Int64?) -> UInt64? {
    guard let newest, let count = get(newest.document) else { return nil }
    let oldest = kept.reversed().prefix { get($0.document) == count }.last
    return newest.at - (oldest?.at ?? newest.at)
  }
}
