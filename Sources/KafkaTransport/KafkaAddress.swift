// Where a topic lives, as one text: `kafka://HOST:PORT[,HOST:PORT]/TOPIC`, or `kafka://embedded/TOPIC` for a broker inside this
// process; without a topic it is a cluster. An address never holds a secret, so it is printed as it stands.

import Base

/// A cluster, for those who have their topics from elsewhere.
public struct KafkaCluster: Hashable, Sendable, CustomStringConvertible {
  /// `host:port`, comma-separated, as `bootstrap.servers` wants them; nil for the embedded broker.
  public var servers: String?

  public init(servers: String?) { self.servers = servers }

  public var isEmbedded: Bool { servers == nil }

  public var description: String { "kafka://\(servers ?? "embedded")" }
}

/// One topic on one cluster.
public struct KafkaAddress: Hashable, Sendable, CustomStringConvertible {
  /// `host:port`, comma-separated, as `bootstrap.servers` wants them; nil for the embedded broker.
  public var servers: String?
  public var topic: String

  public init(servers: String?, topic: String) {
    self.servers = servers
    self.topic = topic
  }

  public var isEmbedded: Bool { servers == nil }
  public var cluster: KafkaCluster { KafkaCluster(servers: servers) }

  public var description: String { "kafka://\(servers ?? "embedded")/\(topic)" }

  /// Whether `text` means to be a Kafka address, well-formed or not.
  public static func isOne(_ text: String) -> Bool { text.hasPrefix("kafka://") }

  /// Reads an address; throws a usage failure that says what was expected.
  public init(_ text: String) throws {
    let (cluster, topic) = try Self.parts(of: text)
    guard let topic else { throw Self.refusal(text, "no topic") }
    self.init(servers: cluster.servers, topic: topic)
  }

  /// Reads an address that may leave the topic out: `kafka://HOST:PORT`. Throws a usage failure that says what was expected.
  public static func parts(of text: String) throws -> (cluster: KafkaCluster, topic: String?) {
    func refusal(_ reason: String) -> Failure { Self.refusal(text, reason) }
    guard isOne(text) else { throw refusal("not a Kafka address") }
    let rest = text.dropFirst("kafka://".count)
    let slash = rest.firstIndex(of: "/")
    let authority = rest[..<(slash ?? rest.endIndex)]
    let topic = slash.map { String(rest[rest.index(after: $0)...]) } ?? ""
    guard !authority.contains("@") else {
      throw refusal("credentials do not belong in an address (use -X sasl.username and FRESHET_KAFKA_SASL_PASSWORD)")
    }
    if !topic.isEmpty, !isTopicName(topic) {
      throw refusal("'\(topic)' is not a topic name (letters, digits, '.', '_' and '-', at most 249)")
    }
    let found = topic.isEmpty ? nil : topic
    if authority == "embedded" { return (KafkaCluster(servers: nil), found) }
    var complete: [String] = []
    for part in authority.split(separator: ",", omittingEmptySubsequences: false) {
      guard let server = server(part) else { throw refusal("'\(part)' is not HOST:PORT") }
      complete.append(server)
    }
    return (KafkaCluster(servers: complete.joined(separator: ",")), found)
  }

  private static func refusal(_ text: String, _ reason: String) -> Failure {
    Failure(.usage, "\(redacted(text)): \(reason); expected kafka://HOST:PORT[,HOST:PORT]/TOPIC or kafka://embedded/TOPIC")
  }

  /// `HOST:PORT` with Kafka's usual port 9092 where none is given; nil where the text is neither a host nor a host with a port.
  private static func server(_ text: Substring) -> String? {
    var host = text
    var port: Substring = "9092"
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[...end]
      let tail = text[text.index(after: end)...]
      guard tail.isEmpty || tail.hasPrefix(":") else { return nil }
      if !tail.isEmpty { port = tail.dropFirst() }
    } else if let colon = text.firstIndex(of: ":") {
      host = text[..<colon]
      port = text[text.index(after: colon)...]
    }
    guard !host.isEmpty, host.allSatisfy({ $0.isASCII && !$0.isWhitespace && $0 != "/" && $0 != "?" }) else { return nil }
    guard let number = UInt16(port), number > 0 else { return nil }
    return "\(host):\(number)"
  }

  private static func isTopicName(_ text: String) -> Bool {
    guard text.utf8.count <= 249, text != ".", text != ".." else { return false }
    return text.utf8.allSatisfy { byte in
      (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte == 0x2e
        || byte == 0x2d || byte == 0x5f
    }
  }

  /// The text without what stands before an `@`, where a password could be.
  private static func redacted(_ text: String) -> String {
    guard let at = text.lastIndex(of: "@"), text.hasPrefix("kafka://") else { return text }
    return "kafka://***@" + text[text.index(after: at)...]
  }
}
