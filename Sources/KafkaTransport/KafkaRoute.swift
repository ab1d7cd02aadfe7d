// Which records go to which topic, and what a record carries beside its key and value. CloudEvents are sent in binary mode: the attributes
// are headers, the value is the data (CloudEvents 1.0.2, "Kafka Protocol Binding", section 3.2).

/// One topic and how records are written into it.
public struct KafkaRoute: Sendable {
  public var topic: String
  /// For a topic that does not exist yet; nil leaves it to the broker.
  public var partitionCount: Int?
  /// Whether Kafka's record timestamp is the slot's `timestamp` (where it is greater than 0) or the time of sending.
  public var usesEventTimestamp: Bool
  /// Headers of every record, in this order.
  public var headers: [(name: String, value: String)]
  /// Set where each record is a CloudEvent.
  public var cloudEvents: CloudEventAttributes?

  public init(
    topic: String, partitionCount: Int? = nil, usesEventTimestamp: Bool = false, headers: [(name: String, value: String)] = [],
    cloudEvents: CloudEventAttributes? = nil
  ) {
    self.topic = topic
    self.partitionCount = partitionCount
    self.usesEventTimestamp = usesEventTimestamp
    self.headers = headers
    self.cloudEvents = cloudEvents
  }
}

/// What the context attributes of a record are made of. `time` is the slot's `timestamp`, where it has one.
public struct CloudEventAttributes: Sendable, Equatable {
  /// A URI reference that names the producer.
  public var source: String
  /// `id` is this, a hyphen and the slot's `offset`, which is the record's number in the whole stream.
  public var identifierPrefix: String
  /// `type` by the slot's `event`.
  public var types: [String]
  /// `datacontenttype`; a record without a value has none.
  public var contentType: String

  public init(source: String, identifierPrefix: String, types: [String], contentType: String = "application/json") {
    precondition(!types.isEmpty, "a CloudEvent needs a type")
    self.source = source
    self.identifierPrefix = identifierPrefix
    self.types = types
    self.contentType = contentType
  }
}

/// How records are grouped into transactions.
public struct KafkaTransactions: Sendable, Equatable {
  /// librdkafka's `transactional.id`: one producer at a time may hold it, a newer one fences an older one.
  public var identifier: String
  /// How long a transaction stays open; a reader that reads only what is committed sees records this much later.
  public var commitIntervalMilliseconds: Int

  public init(identifier: String, commitIntervalMilliseconds: Int = 1000) {
    precondition(commitIntervalMilliseconds > 0, "a transaction lasts some time")
    self.identifier = identifier
    self.commitIntervalMilliseconds = commitIntervalMilliseconds
  }
}
