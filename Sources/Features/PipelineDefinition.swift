// The model of a pipeline: where events come from, which features are made of them, and where the rows go. `PipelineReader` makes it from
// YAML and promises that it is sound: every reference resolves, windows fit their triggers, what is not built is refused by name.

import Base
import Codec
import Records
import Schema
import Windowing

public struct PipelineDefinition: Sendable {
  public var name: String
  public var sources: [SourceDefinition]
  public var entities: [FeatureEntity]
  public var views: [FeatureView]
  /// Views that are computed from requests alone.
  public var requestViews: [RequestView] = []
  public var services: [ServiceDefinition] = []
  /// Nil where events are not kept.
  public var archive: ArchiveDefinition?
  /// Nil where the pipeline leaves it to the command line.
  public var sink: RedisSinkDefinition?
  public var checkpoint: CheckpointSettings
  /// Nil where state may grow as it will.
  public var stateBound: StateBound?
  public var tests: [PipelineTest]
  /// What the lanes are to hold.
  public var objectives: [ServiceObjective] = []
  /// What markers of a prober look like; nil where that is found out.
  public var probe: ProbeDefinition?

  public init(
    name: String, sources: [SourceDefinition], entities: [FeatureEntity], views: [FeatureView], sink: RedisSinkDefinition?,
    checkpoint: CheckpointSettings, tests: [PipelineTest] = []
  ) {
    self.name = name
    self.sources = sources
    self.entities = entities
    self.views = views
    self.sink = sink
    self.checkpoint = checkpoint
    self.tests = tests
  }
}

/// A marker event as the pipeline describes it.
public struct ProbeDefinition: Equatable, Sendable {
  /// Index into `PipelineDefinition.views`.
  public var view: Int
  /// JSON: an event's fields, but for its key and time, which each marker has of its own.
  public var event: String

  public init(view: Int, event: String) {
    self.view = view
    self.event = event
  }
}

public struct SourceDefinition: Sendable {
  public var name: String
  public var kafka: KafkaSourceDefinition?
  public var format: SourceFormat
  /// The event schema named by `schema:`, where there is one.
  public var schema: EventSchema?
  public var eventTime: EventTimeSettings
  /// How far behind the largest event time the watermark stays, in ms.
  public var latenessMilliseconds: Int64
  /// Fields made of others, each of those before it: the source's own `fields`, then what keys and inputs of views compute.
  public var computedFields: [ComputedField] = []
  /// What is known of the values of the source's own `fields`.
  var computedTypes: [FieldPath: ExpressionType] = [:]
  /// After how long without a record a partition's watermark follows the wall clock, in ms; nil for never. Kafka only.
  public var idleTimeoutMilliseconds: Int64?
  public var errorAction: ErrorAction
  /// Where late records go; nil where they are only counted.
  public var lateOutput: SideOutputTarget?
  /// Where records go that cannot be read; not nil exactly where `errorAction` is `.deadLetter`.
  public var deadLetterOutput: SideOutputTarget?
  public var deduplication: DeduplicationDefinition?

  public init(
    name: String, kafka: KafkaSourceDefinition?, format: SourceFormat = .json, schema: EventSchema?, eventTime: EventTimeSettings,
    latenessMilliseconds: Int64, idleTimeoutMilliseconds: Int64?, errorAction: ErrorAction
  ) {
    self.name = name
    self.kafka = kafka
    self.format = format
    self.schema = schema
    self.eventTime = eventTime
    self.latenessMilliseconds = latenessMilliseconds
    self.idleTimeoutMilliseconds = idleTimeoutMilliseconds
    self.errorAction = errorAction
  }
}

/// How the values of a source's records are written.
public enum SourceFormat: Sendable {
  case json
  case avro(AvroSettings)

  /// The one schema of all records, where the source names it.
  var avroSchema: AvroSchema? { if case .avro(let settings) = self { settings.schema } else { nil } }
}

/// Where the schemas of Avro records come from: a container file carries its own; in Kafka they have a number of a registry, or all have one schema.
public struct AvroSettings: Sendable {
  /// The address of a schema registry, `${...}` filled in; never with a password.
  public var registry: String?
  /// What `avro_schema:` holds. At most one of the two is given.
  public var schema: AvroSchema?

  public init(registry: String? = nil, schema: AvroSchema? = nil) {
    self.registry = registry
    self.schema = schema
  }
}

public struct KafkaSourceDefinition: Sendable {
  /// `host:port`, comma-separated: `bootstrap.servers`.
  public var brokers: String
  public var topic: String
  /// `group.id`.
  public var group: String
  /// The field that the records are keyed by, where the pipeline says it.
  public var key = TopicKey.unknown
  /// Any other librdkafka property, in the order of the file.
  public var properties: [(name: String, value: String)]

  public init(brokers: String, topic: String, group: String, properties: [(name: String, value: String)]) {
    self.brokers = brokers
    self.topic = topic
    self.group = group
    self.properties = properties
  }
}

public struct EventTimeSettings: Sendable {
  public enum Format: String, Sendable, CaseIterable {
    case rfc3339
    case epochMilliseconds = "epoch_ms"
    case epochSeconds = "epoch_s"
    /// Kafka's record timestamp.
    case record
  }

  /// Nil exactly for `.record`.
  public var path: FieldPath?
  public var format: Format

  public init(path: FieldPath?, format: Format) {
    self.path = path
    self.format = format
  }
}

/// What to do with a record that cannot be read.
public enum ErrorAction: String, Sendable, CaseIterable {
  /// Count it by reason and go on.
  case skip
  /// End the command.
  case stop
  /// Pass it on with its reason, and go on.
  case deadLetter = "dead_letter"
}

/// Where records go that did not count.
public enum SideOutputTarget: Equatable, Sendable {
  /// A topic of the cluster that the source reads.
  case topic(String)
  case file(String)
}

/// How copies of records are found.
public struct DeduplicationDefinition: Sendable {
  /// The field that copies have in common.
  public var keyPath: FieldPath
  /// How far apart in event time copies may be, in ms.
  public var windowMilliseconds: Int64
  /// How many keys of a partition are kept at most.
  public var keyCountMax: Int

  /// About 190 MB per partition.
  public static let defaultKeyCountMax = 4_000_000

  public init(keyPath: FieldPath, windowMilliseconds: Int64, keyCountMax: Int = defaultKeyCountMax) {
    self.keyPath = keyPath
    self.windowMilliseconds = windowMilliseconds
    self.keyCountMax = keyCountMax
  }
}

public struct FeatureEntity: Sendable {
  public var name: String
  /// A field of the records, or one that every source of a view of this entity computes.
  public var keyPath: FieldPath
  /// Whether the key is an expression of its own.
  public var hasComputedKey = false
  /// How long rows outlive their last write, in ms.
  public var timeToLiveMilliseconds: Int64?

  public init(name: String, keyPath: FieldPath, timeToLiveMilliseconds: Int64?) {
    self.name = name
    self.keyPath = keyPath
    self.timeToLiveMilliseconds = timeToLiveMilliseconds
  }

  /// The name of the key in printed rows: the last component of its path, without the dollar sign of metadata, or the entity's name where an
  /// expression makes the key.
  public var keyFieldName: String {
    if hasComputedKey { return name }
    guard keyPath.components.count == 1, keyPath.isMetadata else { return keyPath.components.last! }
    return String(keyPath.components[0].dropFirst())
  }
}

/// Features of one entity over one source.
public struct FeatureView: Sendable {
  public var name: String
  /// Index into `PipelineDefinition.entities`; nil for `entity: all`, one key for everything.
  public var entity: Int?
  /// Index into `PipelineDefinition.sources`.
  public var source: Int
  public var emitEveryMilliseconds: Int64
  public var trigger: Trigger
  /// At least one, each once; a reference that names no lane means the first.
  public var lanes: [Lane] = [.nrt]
  /// When batch runs are due; nil where they are started by hand.
  public var schedule: BatchSchedule?
  /// What the lane `rt` looks at.
  public var recentEvents = RecentEvents()
  public var predicate: Expression?
  /// In the order of the view, which is that of the values of its rows.
  public var features: [FeatureDefinition]

  public init(
    name: String, entity: Int?, source: Int, emitEveryMilliseconds: Int64, trigger: Trigger, predicate: Expression?,
    features: [FeatureDefinition]
  ) {
    self.name = name
    self.entity = entity
    self.source = source
    self.emitEveryMilliseconds = emitEveryMilliseconds
    self.trigger = trigger
    self.predicate = predicate
    self.features = features
  }
}

extension FeatureView {
  /// The features that windows compute, in the order of the view; the others are made of these.
  public var aggregates: [FeatureDefinition] { features.filter { $0.derivation == nil } }
}

/// How a feature is made of other features of its view.
public struct FeatureDerivation: Sendable {
  /// As in the file.
  public var text: String
  /// Its fields are features.
  public var expression: Expression
  /// What stands for a value that is null because something was divided by zero.
  public var onDivisionByZero: Scalar?

  public init(text: String, expression: Expression, onDivisionByZero: Scalar?) {
    self.text = text
    self.expression = expression
    self.onDivisionByZero = onDivisionByZero
  }
}

/// An aggregate over a window, or, where it has a `derivation`, an expression over other features; that one has no function, field, predicate
/// and window of its own.
public struct FeatureDefinition: Sendable {
  public var name: String
  public var derivation: FeatureDerivation?
  public var function: AggregateFunction
  public var parameters: AggregateParameters
  public var field: FieldPath?
  public var predicate: Expression?
  public var window: WindowSpecification
  /// The value of an empty window; nil for null. Where the function gives a list, it is JSON text.
  public var defaultValue: Scalar?
  /// What is known of its values; the reader of the pipeline says it.
  public var valueType = ExpressionType.any

  /// `parameters`: nil for the defaults of the function.
  public init(
    name: String, function: AggregateFunction, parameters: AggregateParameters? = nil, field: FieldPath?, predicate: Expression?,
    window: WindowSpecification, defaultValue: Scalar?
  ) {
    self.name = name
    self.function = function
    self.parameters = parameters ?? AggregateParameters(of: function)
    self.field = field
    self.predicate = predicate
    self.window = window
    self.defaultValue = defaultValue
  }

  public init(name: String, derivation: FeatureDerivation, defaultValue: Scalar?) {
    self.init(name: name, function: .count, field: nil, predicate: nil, window: .unbounded, defaultValue: defaultValue)
    self.derivation = derivation
  }

  /// What a derived feature shows, `on_divide_by_zero` and `default` included.
  public var derivedExpression: Expression {
    precondition(derivation != nil, "an aggregate has no expression")
    var expression = derivation!.expression
    if let scalar = derivation!.onDivisionByZero { expression = .onDivisionByZero(expression, scalar) }
    if let defaultValue { expression = .call(.coalesce, [expression, .literal(defaultValue)]) }
    return expression
  }
}

public struct RedisSinkDefinition: Sendable {
  public static let defaultPrefix = "fv"

  /// How rows look.
  public enum Layout: Equatable, Sendable {
    /// A hash per view and entity, with texts.
    case native
    /// What Feast's own SDK reads, of the project of this name.
    case feast(project: String)
  }

  /// As in the file, `${...}` filled in; may hold a user name, never a password.
  public var url: String
  public var prefix: String
  public var layout = Layout.native

  public init(url: String, prefix: String) {
    self.url = url
    self.prefix = prefix
  }
}

/// How much state each partition may have. At least one of the two is given.
public struct StateBound: Sendable, Equatable {
  public enum Action: String, Sendable, CaseIterable {
    /// End the command.
    case stop
    /// Count records of keys that are not there yet, and leave them out.
    case dropNewKeys = "drop_new_keys"
  }

  public var keyCountMax: Int?
  public var byteCountMax: Int?
  public var whenFull: Action

  public init(keyCountMax: Int?, byteCountMax: Int?, whenFull: Action) {
    self.keyCountMax = keyCountMax
    self.byteCountMax = byteCountMax
    self.whenFull = whenFull
  }
}

public struct CheckpointSettings: Sendable {
  public enum Store: Sendable, Equatable {
    /// Beside the rows, under `{prefix}:_freshet:`.
    case redis
    case directory(String)
    /// `none`: state is lost with its process, and rows carry no fence. What a restart reads again counts from nothing.
    case nowhere
  }

  public var everyMilliseconds: Int64
  public var store: Store

  public init(everyMilliseconds: Int64, store: Store) {
    self.everyMilliseconds = everyMilliseconds
    self.store = store
  }
}
