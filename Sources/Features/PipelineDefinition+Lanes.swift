// In which lanes a view is computed, and what stands around the lanes: views that are computed from a request, services that read several
// views at once, and the archive that batch runs read.

import Base
import Records

/// Where a value is computed.
public enum Lane: String, Sendable, CaseIterable, Codable {
  /// Inside the request, from the entity's recent events or from what the request says.
  case rt
  /// Near real time: by the stream, ahead of the request.
  case nrt
  /// By a scheduled run over the archive.
  case batch
}

/// When batch runs are due: at every multiple of `everyMilliseconds` since the epoch, `offsetMilliseconds` late, so that events that are on their way
/// have come. A run computes values as of the multiple itself.
public struct BatchSchedule: Equatable, Sendable {
  public var everyMilliseconds: Int64
  public var offsetMilliseconds: Int64

  public init(everyMilliseconds: Int64, offsetMilliseconds: Int64 = 0) {
    self.everyMilliseconds = everyMilliseconds
    self.offsetMilliseconds = offsetMilliseconds
  }

  /// The cutoff of the newest run that is due at `time`; both in ms since the epoch.
  public func cutoff(at time: Int64) -> Int64 { floorDivide(time - offsetMilliseconds, everyMilliseconds) * everyMilliseconds }

  /// When the run of a cutoff is due.
  public func dueTime(ofCutoff cutoff: Int64) -> Int64 { cutoff + offsetMilliseconds }
}

/// What is kept of an entity's recent events for values that are computed inside the request.
public struct RecentEvents: Equatable, Sendable {
  /// Of one entity; the newest are kept.
  public var eventCountMax: Int

  public static let defaultEventCountMax = 1000

  public init(eventCountMax: Int = defaultEventCountMax) { self.eventCountMax = eventCountMax }
}

/// A value that a request brings.
public struct RequestInput: Equatable, Sendable {
  public enum Kind: String, Sendable, CaseIterable {
    case bool
    case integer
    case double
    case string
    /// Epoch milliseconds or RFC 3339 text; milliseconds in expressions.
    case timestamp

    var type: ExpressionType {
      switch self {
      case .bool: .bool
      case .integer, .timestamp: .integer
      case .double: .number
      case .string: .string
      }
    }
  }

  public var name: String
  public var kind: Kind

  public init(name: String, kind: Kind) {
    self.name = name
    self.kind = kind
  }
}

/// A view without events of its own: expressions over what a request brings and over values of other views.
public struct RequestView: Sendable {
  public var name: String
  /// Index into `PipelineDefinition.entities`; nil for `entity: all`.
  public var entity: Int?
  public var inputs: [RequestInput]
  /// In the order of the file. Each has a derivation, whose fields are inputs (one name), features of this view (one name), or values of
  /// others (`view.feature`, `view@lane.feature`: two components).
  public var features: [FeatureDefinition]

  public init(name: String, entity: Int?, inputs: [RequestInput], features: [FeatureDefinition]) {
    self.name = name
    self.entity = entity
    self.inputs = inputs
    self.features = features
  }

  /// The values of other views that the features read, each once.
  public func references(in pipeline: PipelineDefinition) -> [FeatureReference] {
    var references: [FeatureReference] = []
    for path in features.flatMap({ $0.derivation!.expression.fieldPaths }) where path.components.count == 2 {
      guard let reference = pipeline.reference(path), !references.contains(reference) else { continue }
      references.append(reference)
    }
    return references
  }
}

/// A feature of a view in one of its lanes.
public struct FeatureReference: Hashable, Sendable {
  /// Index into `PipelineDefinition.views`.
  public var view: Int
  public var lane: Lane
  /// Index into the view's features.
  public var feature: Int

  public init(view: Int, lane: Lane, feature: Int) {
    self.view = view
    self.lane = lane
    self.feature = feature
  }
}

/// Features that are asked for together.
public struct ServiceDefinition: Sendable {
  /// A view in a lane, or a view of requests, with the features of it that are served.
  public struct Selection: Equatable, Sendable {
    public enum Subject: Hashable, Sendable {
      /// Index into `PipelineDefinition.views`.
      case view(Int, Lane)
      /// Index into `PipelineDefinition.requestViews`.
      case request(Int)
    }

    public var subject: Subject
    /// Indices into the features of the view, in the order in which they are served.
    public var features: [Int]

    public init(subject: Subject, features: [Int]) {
      self.subject = subject
      self.features = features
    }
  }

  public var name: String
  public var selections: [Selection]
  /// How old the values of a lane may be, in ms, judged on `as_of`; older ones are served as stale.
  public var maxAgeMilliseconds: [Lane: Int64]
  /// How long an answer may take.
  public var timeoutMilliseconds: Int64?

  public init(
    name: String, selections: [Selection], maxAgeMilliseconds: [Lane: Int64] = [:], timeoutMilliseconds: Int64? = nil
  ) {
    self.name = name
    self.selections = selections
    self.maxAgeMilliseconds = maxAgeMilliseconds
    self.timeoutMilliseconds = timeoutMilliseconds
  }
}

/// Where events are kept for batch runs: the offline store.
public struct ArchiveDefinition: Equatable, Sendable {
  public enum Format: String, Sendable, CaseIterable {
    case plain = "ndjson"
    case gzip = "ndjson.gz"
    case zstd = "ndjson.zst"
  }

  /// A directory, as in the file.
  public var path: String
  public var format: Format
  /// A file is complete after this long, in ms, or when it holds so many bytes before compression.
  public var rollEveryMilliseconds: Int64
  public var rollByteCount: Int64
  /// Indices into `PipelineDefinition.sources`.
  public var sources: [Int]

  public static let defaultRollEveryMilliseconds: Int64 = 300_000
  public static let defaultRollByteCount: Int64 = 128 << 20

  public init(
    path: String, format: Format = .zstd, rollEveryMilliseconds: Int64 = defaultRollEveryMilliseconds,
    rollByteCount: Int64 = defaultRollByteCount, sources: [Int]
  ) {
    self.path = path
    self.format = format
    self.rollEveryMilliseconds = rollEveryMilliseconds
    self.rollByteCount = rollByteCount
    self.sources = sources
  }
}

extension PipelineDefinition {
  /// The names of the views that are computed in `lane`.
  public func viewNames(in lane: Lane) -> Set<String> { Set(views.filter { $0.lanes.contains(lane) }.map(\.name)) }

  /// What `view.feature` or `view@lane.feature` refers to; a view alone means its first lane. Nil where there is no such value.
  public func reference(_ path: FieldPath) -> FeatureReference? {
    guard path.components.count == 2, let place = lane(named: path.components[0]),
      let feature = views[place.view].features.firstIndex(where: { $0.name == path.components[1] })
    else { return nil }
    return FeatureReference(view: place.view, lane: place.lane, feature: feature)
  }

  /// What `view` or `view@lane` means; nil where there is none.
  public func lane(named text: String) -> (view: Int, lane: Lane)? {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    guard let view = views.firstIndex(where: { $0.name == parts[0] }) else { return nil }
    guard parts.count == 2 else { return (view, views[view].lanes[0]) }
    guard let lane = Lane(rawValue: String(parts[1])), views[view].lanes.contains(lane) else { return nil }
    return (view, lane)
  }
}
