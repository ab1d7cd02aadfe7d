// Where a topic lives, as one text: `kafka://HOST:PORT[,HOST:PORT]/TOPIC`, or `kafka://embedded/TOPIC` for a broker inside this
// process. An address never holds a secret, so it is printed as it stands.

import Base

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

  public var description: String { "kafka://\(servers ?? "embedded")/\(topic)" }

  /// Whether `text` means to be a Kafka address, well-formed or not.
  public static func isOne(_ text: String) -> Bool { text.hasPrefix("kafka://") }

  /// Reads an address; throws a usage failure that says what was expected.
  public init(_ text: String) throws {
    func refusal(_ reason: String) -> Failure {
      Failure(.usage, "\(Self.redacted(text)): \(reason); expected kafka://HOST:PORT[,HOST:PORT]/TOPIC or kafka://embedded/TOPIC")
    }
    guard Self.isOne(text) else { throw refusal("not a Kafka address") }
    let rest = text.dropFirst("kafka://".count)
    guard let slash = rest.firstIndex(of: "/") else { throw refusal("no topic") }
    let authority = rest[..<slash]
    let topic = String(rest[rest.index(after: slash)...])
    guard !authority.contains("@") else {
      throw refusal("credentials do not belong in an address (use -X sasl.username and FRESHET_KAFKA_SASL_PASSWORD)")
    }
    guard !topic.isEmpty else { throw refusal("no topic") }
    guard Self.isTopicName(topic) else {
      throw refusal("'\(topic)' is not a topic name (letters, digits, '.', '_' and '-', at most 249)")
    }
    self.topic = topic
    if authority == "embedded" {
      servers = nil
      return
    }
    let parts = authority.split(separator: ",", omittingEmptySubsequences: false)
    var complete: [String] = []
    for part in parts {
      guard let server = Self.server(part) else { throw refusal("'\(part)' is not HOST:PORT") }
      complete.append(server)
    }
    servers = complete.joined(separator: ",")
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
