// Where a processor reads and writes: what the command line says, else what the pipeline says. The one place that knows which transports a
// pipeline can have.

import Base
import Batch
import Codec
import Features
import Foundation
import KafkaTransport
import LocalTransport
import Logging
import Processing
import Records
import RedisStore

/// One input that workers share.
enum ProcessingInput: Sendable {
  case kafka(KafkaAddress, group: String, KafkaProperties)
  case standardInput
  case file(String)
  /// The archive of a source, in the place of its topic.
  case archive(path: String, source: String, KafkaAddress?, KafkaProperties)

  /// Whether it has partitions, which go on elsewhere when it ends.
  var isPartitioned: Bool {
    switch self {
    case .kafka, .archive: true
    case .standardInput, .file: false
    }
  }

  /// Whether several workers can share it.
  var isDivisible: Bool { if case .kafka = self { true } else { false } }

  var isArchive: Bool { if case .archive = self { true } else { false } }

  /// Whether it is a topic that several consumers can read.
  var isArchivable: Bool { if case .kafka(let address, _, _) = self { !address.isEmbedded } else { false } }

  /// Nil for anything but Kafka, and what stands for it.
  var topic: String? {
    switch self {
    case .kafka(let address, _, _): address.topic
    case .archive(_, let source, let address, _): address?.topic ?? source
    case .standardInput, .file: nil
    }
  }

  /// What checkpoints and fences call it: the topic, `file:` and the path as it was given, or `stdin`.
  var identity: String {
    switch self {
    case .kafka(let address, _, _): address.topic
    case .archive(_, let source, let address, _): address?.topic ?? "archive:\(source)"
    case .file(let path): "file:\(path)"
    case .standardInput: "stdin"
    }
  }

  /// The input as the member `number` of this process reads it: `group.instance.id`, where one was given, gets the number, because members of a
  /// group must not share one.
  func numbered(_ number: Int?) -> ProcessingInput {
    guard let number, case .kafka(let address, let group, let properties) = self, let identity = properties["group.instance.id"]
    else {
      return self
    }
    return .kafka(
      address, group: group, properties.overlaid(with: KafkaProperties([("group.instance.id", "\(identity)-\(number)")])))
  }

  /// How many partitions the input has; nil for a topic that does not exist yet.
  func partitionCount() throws -> Int? {
    if case .archive(_, _, let address, let properties) = self {
      // A broker that is away does not keep a store from being filled.
      return try? address.flatMap {
        try KafkaTopic.partitionCount(of: $0, properties: properties, connectTimeoutMilliseconds: 2000)
      }
    }
    // One that is embedded and that nobody else knows has nothing to spread.
    guard case .kafka(let address, _, let properties) = self, !address.isEmbedded else { return 1 }
    return try KafkaTopic.partitionCount(of: address, properties: properties, isStopRequested: { Interrupts.stopRequested })
  }

  /// The internal topic of a repartitioning of this input, in `pipeline`.
  func repartitioned(_ repartitioning: Repartitioning, in pipeline: PipelineDefinition) -> ProcessingInput {
    guard case .kafka(let address, let group, let properties) = self else { return self }
    let topic = repartitioning.internalTopic(of: address.topic, in: pipeline)
    // What has been sent before anybody reads it has to be read, wherever the source is begun.
    let start = KafkaProperties([("auto.offset.reset", "earliest")])
    return .kafka(
      KafkaAddress(servers: address.servers, topic: topic), group: repartitioning.group(of: group, internalTopic: topic),
      properties.overlaid(with: start))
  }

  /// What sends records of this input on, for one worker.
  func repartitionOutput(
    _ repartitionings: [Repartitioning], in pipeline: PipelineDefinition, partitionCount: Int?
  ) throws -> RepartitionSender {
    guard case .kafka(let address, _, let properties) = self else { preconditionFailure("only topics are repartitioned") }
    let output = try KafkaRepartitionOutput(
      address.cluster, topics: repartitionings.map { $0.internalTopic(of: address.topic, in: pipeline) }, properties: properties,
      partitionCount: partitionCount)
    return RepartitionSender(output, sourcePartitionCount: partitionCount ?? 1) {
      try KafkaTopic.partitionCount(of: address, properties: properties, connectTimeoutMilliseconds: 2000)
    }
  }

  /// A source for the writer of an archive, as a member of a group of its own; only JSON is archived.
  func openForArchive() throws -> any Source {
    switch self {
    case .kafka(let address, let group, let properties):
      return try KafkaSource(
        address, group: "\(group)-archive", properties: properties, isStopRequested: { Interrupts.stopRequested })
    case .standardInput: return LineSource(descriptor: STDIN_FILENO, name: "stdin")
    case .file(let path): return try LineSource(path: path)
    case .archive: throw Failure(.usage, "--from: an archive is not archived")
    }
  }

  /// A source for one worker, and how many partitions the input has; nil for a topic that does not exist yet.
  ///
  /// - Parameter readsHeaders: Whether records are read with their headers, whatever the plan asks for.
  func open(for plan: ProcessingPlan, readsHeaders: Bool) throws -> (source: any Source, partitionCount: Int?) {
    switch self {
    case .kafka(let address, let group, let properties):
      let source = try KafkaSource(
        address, group: group, properties: properties, readsHeaders: readsHeaders || plan.readsHeaders,
        isStopRequested: { Interrupts.stopRequested })
      return (source, try source.partitionCount())
    case .archive(let path, let source, _, _):
      return (ArchiveSource(try ArchiveCatalog(path: path, source: source), topic: topic ?? source), try partitionCount())
    case .standardInput:
      guard case .avro(let settings) = plan.source.format else { return (LineSource(descriptor: STDIN_FILENO, name: "stdin"), 1) }
      return (AvroSource(descriptor: STDIN_FILENO, name: "stdin", schema: settings.schema), 1)
    case .file(let path):
      guard case .avro(let settings) = plan.source.format else { return (try LineSource(path: path), 1) }
      return (try AvroSource(path: path, schema: settings.schema), 1)
    }
  }
}

struct ProcessingEndpoints: Sendable {
  private enum Output: Sendable {
    case redis(RedisAddress, prefix: String)
    case standardOutput(FileDescriptorWriter)
    case null
  }

  /// What --from says.
  private enum GivenInput: Sendable {
    case kafka(KafkaAddress)
    case archive
    case standardInput
    case file(String)
  }

  private let givenInput: GivenInput?
  private let output: Output
  private let sideOutputs: SideOutputChoices
  private let properties: KafkaProperties
  private let pipelineName: String
  private let archive: (path: String, sources: Set<String>)?

  private var keepsFences: Bool { if case .redis = output { true } else { false } }

  /// Whether there is a store for recent events.
  var keepsRecentEvents: Bool { keepsFences }

  /// Whether --from replaces the inputs of the pipeline.
  var readsOneInput: Bool { givenInput != nil && !readsArchive }

  /// Whether the archives of the sources stand for their topics.
  var readsArchive: Bool { if case .archive = givenInput { true } else { false } }

  init(
    _ pipeline: PipelineDefinition, from: String?, to: String?, lateTo: String? = nil, deadLettersTo: String? = nil,
    properties arguments: [String]
  ) throws {
    properties = try KafkaProperties(environment: ProcessInfo.processInfo.environment).overlaid(
      with: KafkaProperties(arguments: arguments))
    givenInput = try Self.input(from)
    sideOutputs = try SideOutputChoices(late: lateTo, deadLetters: deadLettersTo, properties: properties)
    output = try Self.output(to, pipeline)
    pipelineName = pipeline.name
    archive = pipeline.archive.map { archive in (archive.path, Set(archive.sources.map { pipeline.sources[$0].name })) }
    guard readsArchive else { return }
    guard archive != nil else {
      throw Failure(.usage, "--from archive: pipeline '\(pipeline.name)' has no 'archive:'")
    }
    if keepsFences, pipeline.checkpoint.store == .nowhere {
      throw Failure(
        .badConfiguration,
        "--from archive: pipeline '\(pipeline.name)' keeps no checkpoints, so no later run could go on where the archive ends; "
          + "'checkpoint: { store: redis }' keeps them")
    }
  }

  /// The input of a source: --from where it is given, else the source's own topic.
  func input(for source: SourceDefinition) throws -> ProcessingInput {
    switch givenInput {
    case .standardInput: return .standardInput
    case .file(let path): return .file(path)
    case .archive: return try archiveInput(for: source)
    case .kafka(let address):
      // Another topic, read as the source says.
      return .kafka(
        address, group: source.kafka?.group ?? pipelineName,
        KafkaProperties(source.kafka?.properties ?? []).overlaid(with: properties))
    case nil: break
    }
    guard let kafka = source.kafka else {
      throw Failure(
        .usage, "source '\(source.name)' has no 'kafka:'; say where to read with --from kafka://HOST:PORT/TOPIC, - or file:PATH")
    }
    return .kafka(
      KafkaAddress(servers: kafka.brokers, topic: kafka.topic), group: kafka.group,
      KafkaProperties(kafka.properties).overlaid(with: properties))
  }

  private func archiveInput(for source: SourceDefinition) throws(Failure) -> ProcessingInput {
    guard let archive, archive.sources.contains(source.name) else {
      throw Failure(.usage, "--from archive: source '\(source.name)' is not among the 'sources' of the pipeline's 'archive'")
    }
    return .archive(
      path: archive.path, source: source.name,
      source.kafka.map { KafkaAddress(servers: $0.brokers, topic: $0.topic) },
      KafkaProperties(source.kafka?.properties ?? []).overlaid(with: properties))
  }

  /// Where the schemas of a source's records are found by number; nil where they have none.
  func registry(for source: SourceDefinition) throws -> AvroSchemaLookup? {
    guard case .avro(let settings) = source.format, let url = settings.registry else { return nil }
    return try RegisteredSchemas(url, environment: ProcessInfo.processInfo.environment).lookUp
  }

  /// A store for one worker.
  func store(_ pipeline: PipelineDefinition, _ source: SourceDefinition, _ input: ProcessingInput) throws -> any FeatureStore {
    let views = pipeline.views.indices.map { StoredView($0, of: pipeline) }
    switch output {
    case .redis(let address, let prefix):
      let keys = FenceKeys(prefix: prefix, pipeline: pipeline.name, topic: Self.topic(source, input))
      // Without checkpoints there is nothing to go on from after a fence has stopped anyone.
      let fences = pipeline.checkpoint.store == .nowhere ? nil : keys
      return RedisFeatureStore(
        try connect(address), prefix: prefix, views: views, fences: fences, layout: pipeline.sink?.layout ?? .native)
    case .standardOutput(let writer): return NDJSONRowStore(views: views, output: writer)
    case .null: return NullRowStore()
    }
  }

  /// Where one worker keeps the recent events of its plan; nil where it has none, or rows do not go to Redis.
  func recentEvents(_ pipeline: PipelineDefinition, _ plan: ProcessingPlan) throws -> (any RecentEventsSink)? {
    guard case .redis(let address, let prefix) = output, !plan.recentEventsLists.isEmpty else { return nil }
    return RedisRecentEvents(try connect(address), prefix: prefix, lists: plan.recentEventsLists, in: pipeline)
  }

  /// What tells the offsets of one input from those of another in a list of recent events: nothing for the source's own topic, which is most often read.
  /// What comes through a pipe is never the same again.
  func inputTag(of input: ProcessingInput, _ pipeline: PipelineDefinition, _ source: SourceDefinition) -> String {
    if input.topic == source.kafka?.topic, input.topic != nil { return "" }
    var identity = input.identity
    if case .standardInput = input { identity += ":\(SystemClock().nowMilliseconds)" }
    let hash = identity.utf8.reduce(into: 0xcbf2_9ce4_8422_2325 as UInt64) { $0 = ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return "@\(String(hash, radix: 36))"
  }

  /// Where one worker keeps its partitions' state; nil where rows do not go to Redis and no directory is named, so nothing could be resumed.
  func checkpoints(_ pipeline: PipelineDefinition, _ source: SourceDefinition, _ input: ProcessingInput) throws
    -> (any CheckpointStore)?
  {
    let topic = Self.topic(source, input)
    // A file or a pipe is read again from its beginning where no fence keeps rows from going back.
    if !input.isPartitioned, !keepsFences { return nil }
    switch (pipeline.checkpoint.store, output) {
    case (.directory(let path), _):
      let fileName = topic.replacing("%", with: "%25").replacing("/", with: "%2F")
      return try DirectoryCheckpointStore(directory: path, prefix: "\(pipeline.name).\(fileName)")
    case (.redis, .redis(let address, let prefix)):
      return try RedisCheckpointStore(try connect(address), prefix: prefix, pipeline: pipeline.name, topic: topic)
    case (.redis, _), (.nowhere, _): return nil
    }
  }

  /// What control keys call an input. Two sources may read one topic, each with windows of its own; no name of a source has a dot.
  private static func topic(_ source: SourceDefinition, _ input: ProcessingInput) -> String {
    "\(source.name).\(input.identity)"
  }

  /// Where questions to the processor are left, beside its checkpoints; nil where it has none.
  func inquiries(_ pipeline: PipelineDefinition) throws -> (any InquiryBox)? {
    switch (pipeline.checkpoint.store, output) {
    case (.directory(let path), _): return try DirectoryInquiryBox(directory: path, pipeline: pipeline.name)
    case (.redis, .redis(let address, let prefix)):
      return RedisInquiryBox(try connect(address), prefix: prefix, pipeline: pipeline.name)
    case (.redis, _), (.nowhere, _): return nil
    }
  }

  /// The checkpoints of a source.
  func savedPartitions(_ pipeline: PipelineDefinition, _ source: SourceDefinition, _ input: ProcessingInput) throws
    -> [(partition: PartitionIndex, snapshot: ByteBuffer)]
  {
    guard let store = try checkpoints(pipeline, source, input) else { return [] }
    var found: [(partition: PartitionIndex, snapshot: ByteBuffer)] = []
    // Partitions are numbered without gaps, but one that has never had a record may have no checkpoint.
    var misses = 0
    var partition: PartitionIndex = 0
    while misses < Self.missingCheckpointsMax {
      if let snapshot = try store.load(partition) {
        found.append((partition, snapshot))
        misses = 0
      } else {
        misses += 1
      }
      partition += 1
    }
    return found
  }

  private static let missingCheckpointsMax = 64

  /// The row of a key as the pipeline's Redis holds it, with the ms until it expires; nil where rows do not go to Redis, or go
  /// there as Feast reads them.
  func storedRow(_ view: FeatureView, key: String?, in pipeline: PipelineDefinition) throws -> (
    key: String, fields: [String: String], expiresIn: Int64?
  )? {
    // What Feast reads is not for people.
    guard case .redis(let address, let prefix) = output, view.trigger == .change, pipeline.sink?.layout ?? .native == .native else {
      return nil
    }
    let name = "\(prefix):\(view.name)" + (key.map { ":\($0)" } ?? "")
    let reader = RedisReader(try connect(address))
    return (name, try reader.hash(name), try reader.timeToLiveMilliseconds(of: name))
  }

  /// Where one worker passes on what did not count.
  func sideOutputs(of source: SourceDefinition, _ input: ProcessingInput) throws -> SideOutputs {
    try sideOutputs.open(source, input)
  }

  private func connect(_ address: RedisAddress) throws -> RedisConnection {
    try RedisConnection(address, password: RedisAddress.password(environment: ProcessInfo.processInfo.environment))
  }

  private static func input(_ text: String?) throws -> GivenInput? {
    switch text {
    case nil, "kafka": return nil
    case "-", "stdin": return .standardInput
    case "archive": return .archive
    case let text? where text.hasPrefix("file:"): return .file(String(text.dropFirst(5)))
    case let text? where KafkaAddress.isOne(text): return .kafka(try KafkaAddress(text))
    case let text?:
      throw Failure(.usage, "--from: expected kafka, kafka://HOST:PORT[,HOST:PORT]/TOPIC, archive, - or file:PATH, found '\(text)'")
    }
  }

  private static func output(_ text: String?, _ pipeline: PipelineDefinition) throws -> Output {
    let prefix = pipeline.sink?.prefix ?? "fv"
    switch text {
    case nil, "redis":
      guard let sink = pipeline.sink else {
        throw Failure(
          .usage, "pipeline '\(pipeline.name)' has no 'sink:'; say where to write with --to redis://HOST:PORT, stdout or null")
      }
      return .redis(try RedisAddress(sink.url), prefix: prefix)
    case "stdout", "-": return .standardOutput(FileDescriptorWriter(descriptor: STDOUT_FILENO, name: "stdout"))
    case "null": return .null
    case let text? where text.hasPrefix("redis"): return .redis(try RedisAddress(text), prefix: prefix)
    case let text?:
      throw Failure(.usage, "--to: expected redis, redis://HOST:PORT[/DB], redis+unix:///PATH, stdout or null, found '\(text)'")
    }
  }
}
