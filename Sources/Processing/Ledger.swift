// The ledger: every record that did not count, and every value that could not be used, by reason, partition and view, with the first of each
// as an example. It holds at most partitions x (views + 1) x reasons tallies; what it counts does not depend on batches or workers.

import Records

/// Why something did not count. The names are those of reports, of `freshet-reason` and of files.
public enum LedgerReason: Hashable, Sendable {
  /// The record could not be read: it reached no view, and goes to the dead letters.
  case rejected(RejectionReason)
  /// The record is a copy of one that counted.
  case duplicate
  /// One view did not count the record; others may have.
  case late
  case keyless
  /// The record's key is new, and `state` has no room for it.
  case stateFull
  /// The record counted, but for one value of it.
  case typeMismatch
  case comparisonMismatch
  case overflow
  case limit
  /// An expression was null for a reason of its own.
  case expressionMismatch
  case expressionRange
  case divisionByZero
  /// The record counted without having been looked for among the keys of `dedup`.
  case withoutDedupKey
  /// A key of `dedup` was forgotten before its window was over, because there were more than `max_keys`.
  case forgottenDedupKey

  public static let all: [LedgerReason] =
    RejectionReason.allCases.map { .rejected($0) } + [
      .duplicate, .late, .keyless, .stateFull, .typeMismatch, .comparisonMismatch, .overflow, .limit, .expressionMismatch,
      .expressionRange,
      .divisionByZero, .withoutDedupKey, .forgottenDedupKey,
    ]

  /// For programs: `no_event_time`.
  public var code: String {
    switch self {
    case .rejected(let reason): reason.code
    case .duplicate: "duplicate"
    case .late: "late"
    case .keyless: "keyless"
    case .stateFull: "state_full"
    case .typeMismatch: "type_mismatch"
    case .comparisonMismatch: "comparison_mismatch"
    case .overflow: "overflow"
    case .limit: "distinct_limit"
    case .expressionMismatch: "expression_mismatch"
    case .expressionRange: "expression_range"
    case .divisionByZero: "division_by_zero"
    case .withoutDedupKey: "no_dedup_key"
    case .forgottenDedupKey: "dedup_key_forgotten"
    }
  }

  /// For people, after a number.
  public var name: String {
    switch self {
    case .rejected(let reason): reason.name
    case .duplicate: "copies of records that counted"
    case .late: "late, all their windows had closed"
    case .keyless: "without a key"
    case .stateFull: "of new keys, for which 'state' has no room"
    case .typeMismatch: "values of a type that their aggregate does not take"
    case .comparisonMismatch: "comparisons of values of different types"
    case .overflow: "sums that left the range of their numbers and are null"
    case .limit: "sets of distinct values that outgrew their 'limit' and are null"
    case .expressionMismatch: "expressions over values of another type, which are null"
    case .expressionRange: "expressions that left the range of numbers and are null"
    case .divisionByZero: "expressions that divided by zero and are null"
    case .withoutDedupKey: "without a key for 'dedup', counted"
    case .forgottenDedupKey: "keys of 'dedup' forgotten early, as there were more than 'max_keys'"
    }
  }
}

extension RejectionReason {
  /// For programs: the name of the reason in one word.
  public var code: String {
    switch self {
    case .malformed: "malformed"
    case .notAnObject: "not_an_object"
    case .empty: "empty"
    default: name.lowercased().split(separator: " ").joined(separator: "_")
    }
  }
}

/// What a tally counts.
public struct LedgerKey: Hashable, Sendable {
  /// Index into `PipelineDefinition.sources`.
  public var source: Int
  /// -1 where the partitions are not told apart.
  public var partition: PartitionIndex
  /// Index into `PipelineDefinition.views`; -1 where the whole record is meant.
  public var view: Int
  public var reason: LedgerReason

  public init(source: Int, partition: PartitionIndex, view: Int = -1, reason: LedgerReason) {
    self.source = source
    self.partition = partition
    self.view = view
    self.reason = reason
  }
}

public struct LedgerTally: Sendable, Equatable {
  public var count: Int64 = 0
  /// The first record: where it stood, what was wrong, and how it begins.
  public var example: String?

  public init(count: Int64 = 0, example: String? = nil) {
    self.count = count
    self.example = example
  }
}

public struct Ledger: Sendable {
  public private(set) var tallies: [LedgerKey: LedgerTally] = [:]

  public init() {}

  /// Adds to a tally.
  public mutating func add(_ count: Int64, to key: LedgerKey) {
    guard count != 0 else { return }
    tallies[key, default: LedgerTally()].count += count
  }

  /// Whether a tally still lacks its example.
  public func lacksExample(_ key: LedgerKey) -> Bool { tallies[key]?.example == nil }

  /// Keeps the example of a tally, unless it has one.
  public mutating func keepExample(_ example: String, of key: LedgerKey) {
    if lacksExample(key) { tallies[key, default: LedgerTally()].example = example }
  }

  public mutating func add(_ other: Ledger) {
    for (key, tally) in other.tallies {
      add(tally.count, to: key)
      if let example = tally.example { keepExample(example, of: key) }
    }
  }

  /// Over all partitions, and over all views or one.
  public func count(of reason: LedgerReason, view: Int? = nil) -> Int64 {
    tallies.reduce(0) { sum, entry in
      entry.key.reason == reason && (view == nil || entry.key.view == view) ? sum + entry.value.count : sum
    }
  }

  /// What has been counted, in the order of reports: by reason, source, view and partition.
  public var sorted: [(key: LedgerKey, tally: LedgerTally)] {
    let ranks = Dictionary(uniqueKeysWithValues: LedgerReason.all.enumerated().map { ($1, $0) })
    return tallies.filter { $0.value.count > 0 }.map { ($0.key, $0.value) }.sorted { a, b in
      (ranks[a.0.reason]!, a.0.source, a.0.view, a.0.partition) < (ranks[b.0.reason]!, b.0.source, b.0.view, b.0.partition)
    }
  }
}
