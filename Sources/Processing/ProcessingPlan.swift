// From the words of a pipeline to what one worker needs: which fields to decode, which predicates to evaluate, which windows to keep. Made
// once per source before the first record; immutable and shared by all workers.

import Base
import Codec
import Features
import Records
import Schema
import Windowing

public struct ProcessingPlan: Sendable {
  public let pipelineName: String
  public let source: SourceDefinition
  /// Index into `PipelineDefinition.sources`.
  public let sourceIndex: Int
  /// Per view of the pipeline.
  let viewNames: [String]
  /// The fields to decode.
  public let paths: [FieldPath]
  /// Fields that are made of others, as far as any is needed; each may need those before it.
  let computedFields: [ComputedField]
  /// The fields that windows, keys and times come from; everything below speaks of them by index.
  let columns: [Column]
  /// The column of the event time; nil where the record's own timestamp is it.
  public let timeColumn: Int?
  public let predicates: [Expression]
  /// Per predicate: the views over this source that ask it, by index in `views`.
  let viewsOfPredicate: [[Int]]
  /// How copies are found; nil where they count.
  let deduplication: DeduplicationSettings?
  public let windows: WindowPlan
  /// Nil where state may grow as it will.
  let stateBound: StateBound?
  /// The views over this source, by index in `PipelineDefinition.views`.
  public let views: [Int]
  /// Per view of `views`: how often its changes go out, in ms; nil for `close`.
  public let emitEvery: [Int64?]
  /// Columns of entity keys, with the entity's name: where a topic has several partitions they must equal the record's key.
  public let keyColumns: [(entity: String, path: FieldPath, column: Int)]
  /// The internal topics that records are sent on to.
  let repartitions: [RepartitionPlan]
  /// Whether the records come through an internal topic, each with its origin.
  public let isRepartitioned: Bool
  /// The lists of recent events that records are appended to.
  let recentEvents: [RecentEventsPlan]
  /// Whether the records are recent events, which have the fields that are no record's own under their names.
  let isOfRecentEvents: Bool

  /// Where a column comes from.
  enum Column: Sendable, Equatable {
    /// Index into `paths`.
    case decoded(Int)
    /// Index into the program's values.
    case computed(Int)
  }

  /// The fields that the program computes as columns.
  let computedColumns: [FieldPath]
  /// The views of the pipeline, whose rows are finished after the windows.
  let pipelineViews: [FeatureView]

  /// Which of a source's views a worker counts.
  public enum Part: Sendable {
    /// All of them.
    case everything
    /// All but these, whose records it sends on to internal topics, one each.
    case sending([Repartitioning])
    /// These, from their internal topic.
    case receiving(Repartitioning)
    /// Those of a list of recent events, from one of its lists: all records are of one key.
    case recent(RecentEventsList)
  }

  /// The plan of the views in `pipeline` that read source `index`, of those named in `viewNames` (nil: all).
  ///
  /// - Parameter recentViewNames: The views whose entities' recent events are kept.
  public init(
    _ pipeline: PipelineDefinition, source index: Int, viewNames: Set<String>? = nil, recentViewNames: Set<String> = [],
    part: Part = .everything
  ) throws(Failure) {
    var columns = Interner<FieldPath>()
    var predicates = Interner<Expression>()
    pipelineName = pipeline.name
    var source = pipeline.sources[index]
    var sent: [Repartitioning] = []
    var received: Repartitioning?
    var replayed: RecentEventsList?
    switch part {
    case .everything: break
    case .sending(let repartitionings): sent = repartitionings
    case .receiving(let repartitioning):
      received = repartitioning
      // Copies have been left out, and silence has been noticed, where the source's own partitions are read.
      source.deduplication = nil
      source.idleTimeoutMilliseconds = nil
    case .recent(let list):
      replayed = list
      source.format = .json
      source.eventTime = EventTimeSettings(path: nil, format: .record)
      source.deduplication = nil
      source.idleTimeoutMilliseconds = nil
      source.errorAction = .skip
    }
    isRepartitioned = received != nil
    isOfRecentEvents = replayed != nil
    self.source = source
    stateBound = pipeline.stateBound
    sourceIndex = index
    self.viewNames = pipeline.views.map(\.name)
    views = pipeline.views.indices.filter {
      pipeline.views[$0].source == index && viewNames?.contains(pipeline.views[$0].name) != false
    }.filter { view in
      (replayed?.views ?? received?.views)?.contains(view) ?? !sent.contains { $0.views.contains(view) }
    }
    var specifications: [ViewSpecification] = []
    var keys: [Int: Int] = [:]
    for view in views {
      let definition = pipeline.views[view]
      let keyColumn = replayed == nil ? definition.entity.map { columns.index(of: pipeline.entities[$0].keyPath) } : nil
      if let entity = definition.entity, let keyColumn { keys[entity] = keyColumn }
      specifications.append(
        ViewSpecification(
          identifier: Int32(view), keyColumn: keyColumn, trigger: definition.trigger,
          predicate: definition.predicate.map { predicates.index(of: $0) },
          aggregates: definition.aggregates.map { feature in
            AggregateSpecification(
              function: feature.function, parameters: feature.parameters, column: feature.field.map { columns.index(of: $0) },
              predicate: Self.conjunction(definition.predicate, feature.predicate).map { predicates.index(of: $0) },
              window: feature.window)
          }, timeToLive: definition.entity.flatMap { pipeline.entities[$0].timeToLiveMilliseconds },
          rhythm: definition.emitEveryMilliseconds))
    }
    for predicate in predicates.values {
      for path in predicate.fieldPaths { _ = columns.index(of: path) }
    }
    timeColumn = source.eventTime.path.map { columns.index(of: $0) }
    deduplication = source.deduplication.map {
      DeduplicationSettings(
        column: columns.index(of: $0.keyPath), keyName: $0.keyPath.description, window: $0.windowMilliseconds,
        keyCountMax: $0.keyCountMax)
    }
    let ownPredicates = predicates.values
    // Behind the others, so that what the windows of the other views mean does not depend on them.
    var repartitions: [RepartitionPlan] = []
    for repartitioning in sent {
      let keyColumn = repartitioning.entity.map { columns.index(of: pipeline.entities[$0].keyPath) }
      repartitions.append(
        RepartitionPlan(
          keyColumn: keyColumn,
          views: repartitioning.views.map { view in
            let conditions = Self.conditions(of: pipeline.views[view])
            return (view, conditions.contains(nil) ? nil : conditions.map { predicates.index(of: $0!) })
          }))
    }
    self.repartitions = repartitions
    let lists = pipeline.recentEventsLists(ofSource: index, viewNames: recentViewNames).compactMap { list in
      received.map { $0.entity == list.entity } ?? !sent.contains { $0.entity == list.entity } ? list : nil
    }
    recentEvents = lists.map { list in
      let keyColumn = list.entity.map { columns.index(of: pipeline.entities[$0].keyPath) }
      if let entity = list.entity { keys[entity] = keyColumn }
      let conditions = list.views.flatMap { Self.conditions(of: pipeline.views[$0]) }
      let fields = Self.recordFields(of: list.views.map { pipeline.views[$0] }, source)
      return RecentEventsPlan(
        keyColumn: keyColumn,
        predicates: conditions.contains(nil) ? nil : Self.distinct(conditions.map { predicates.index(of: $0!) }),
        fields: RecentEventFields(fields.map { ($0, columns.index(of: $0)) }))
    }
    for predicate in predicates.values.dropFirst(ownPredicates.count) {
      for path in predicate.fieldPaths { _ = columns.index(of: path) }
    }
    let sorted = Self.sort(columns.values, source.computedFields)
    paths = sorted.paths
    computedFields = sorted.computedFields
    self.columns = sorted.columns
    computedColumns = sorted.computedColumns
    pipelineViews = pipeline.views
    self.predicates = predicates.values
    viewsOfPredicate = predicates.values.indices.map { predicate in
      specifications.indices.filter { view in
        specifications[view].predicate == predicate || specifications[view].aggregates.contains { $0.predicate == predicate }
      }
    }
    windows = WindowPlan(
      views: specifications, lateness: source.latenessMilliseconds,
      descriptions: views.map { Self.description(of: pipeline.views[$0], in: pipeline, source) },
      sourceProperties: Self.properties(of: source))
    emitEvery = views.map { pipeline.views[$0].trigger == .change ? pipeline.views[$0].emitEveryMilliseconds : nil }
    let checked = received == nil ? keys.sorted { $0.key < $1.key } : []
    keyColumns = checked.filter { !pipeline.entities[$0.key].keyPath.liesInOnePartition }.map {
      (pipeline.entities[$0.key].name, pipeline.entities[$0.key].keyPath, $0.value)
    }
    guard !views.isEmpty || !sent.isEmpty || !recentEvents.isEmpty else {
      throw Failure(.badConfiguration, "no view of pipeline '\(pipeline.name)' reads source '\(source.name)'")
    }
  }

  /// Tells fields of the records from computed ones, and adds the fields that those are made of.
  private static func sort(
    _ wanted: [FieldPath], _ computed: [ComputedField]
  ) -> (paths: [FieldPath], computedFields: [ComputedField], columns: [Column], computedColumns: [FieldPath]) {
    var needed = Set(wanted)
    var computedFields: [ComputedField] = []
    for field in computed.reversed() where needed.contains(field.path) {
      needed.formUnion(field.expression.fieldPaths)
      computedFields.insert(field, at: 0)
    }
    let computedPaths = Set(computedFields.map(\.path))
    var paths: [FieldPath] = []
    for path in wanted + computedFields.flatMap(\.expression.fieldPaths)
    where !computedPaths.contains(path) && !paths.contains(path) {
      paths.append(path)
    }
    let computedColumns = wanted.filter { computedPaths.contains($0) }
    let columns = wanted.map { path in
      computedColumns.firstIndex(of: path).map { Column.computed($0) } ?? .decoded(paths.firstIndex(of: path)!)
    }
    return (paths, computedFields, columns, computedColumns)
  }

  private static func distinct(_ numbers: [Int]) -> [Int] {
    numbers.enumerated().filter { !numbers[..<$0.offset].contains($0.element) }.map(\.element)
  }

  /// The fields of the records themselves that views read, their keys and event time apart: those that computed fields are made of in their place.
  private static func recordFields(of views: [FeatureView], _ source: SourceDefinition) -> [FieldPath] {
    var wanted: [FieldPath] = []
    func want(_ path: FieldPath) { if !wanted.contains(path) { wanted.append(path) } }
    for view in views {
      for path in view.predicate?.fieldPaths ?? [] { want(path) }
      for feature in view.aggregates {
        if let field = feature.field { want(field) }
        for path in feature.predicate?.fieldPaths ?? [] { want(path) }
      }
    }
    return sort(wanted, source.computedFields).paths
  }

  /// Whether any field is a header of the records, which a source copies only then.
  public var readsHeaders: Bool { MetadataColumns.readsHeaders(paths) }

  /// A record is taken by a view where one of these holds, or where one of them is nil: a window that closes holds every record of its view, and so
  /// does a session; a current value only those that its aggregate takes.
  private static func conditions(of view: FeatureView) -> [Expression?] {
    guard view.trigger == .change else { return [view.predicate] }
    return view.aggregates.map { feature in
      if case .session = feature.window { return view.predicate }
      return conjunction(view.predicate, feature.predicate)
    }
  }

  private static func conjunction(_ a: Expression?, _ b: Expression?) -> Expression? {
    guard let a, let b else { return a ?? b }
    return .and(a, b)
  }
}

/// Numbers equal values alike, in the order in which they first come.
private struct Interner<Value: Hashable> {
  private(set) var values: [Value] = []
  private var indices: [Value: Int] = [:]

  mutating func index(of value: Value) -> Int {
    if let index = indices[value] { return index }
    indices[value] = values.count
    values.append(value)
    return values.count - 1
  }
}
