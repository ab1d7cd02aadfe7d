// Questions to a running processor in Redis:
//
//   {prefix}:_freshet:inquiry:{pipeline}               hash: identifier -> question
//   {prefix}:_freshet:inquiry:{pipeline}:{identifier}  list of answers
//
// Both expire, so a question that nobody takes back is gone by itself.

import Base
import Features

public final class RedisInquiryBox: InquiryBox {
  private let connection: RedisConnection
  private let key: String
  /// Longer than anybody waits.
  private static let expirySeconds = "15"

  public init(_ connection: RedisConnection, prefix: String, pipeline: String) {
    self.connection = connection
    key = "\(prefix):_freshet:inquiry:\(pipeline)"
  }

  public func waiting() throws -> [String: String] {
    try connection.retrying(at: key) { node in
      let texts = try node.command("HGETALL", key, what: "looking for questions").texts ?? []
      var questions: [String: String] = [:]
      for index in stride(from: 0, to: texts.count - 1, by: 2) { questions[texts[index]] = texts[index + 1] }
      return questions
    }
  }

  public func answer(_ identifier: String, with text: String) throws {
    try connection.retrying(at: "\(key):\(identifier)") { node in
      try node.command("RPUSH", "\(key):\(identifier)", text, what: "answering")
      try node.command("EXPIRE", "\(key):\(identifier)", Self.expirySeconds, what: "answering")
    }
  }

  public func ask(_ identifier: String, _ text: String) throws {
    try connection.retrying(at: key) { node in
      try node.command("HSET", key, identifier, text, what: "asking")
      try node.command("EXPIRE", key, Self.expirySeconds, what: "asking")
    }
  }

  public func answers(to identifier: String) throws -> [String] {
    try connection.retrying(at: "\(key):\(identifier)") { node in
      try node.command("LRANGE", "\(key):\(identifier)", "0", "-1", what: "waiting for an answer").texts ?? []
    }
  }

  public func withdraw(_ identifier: String) throws {
    try connection.retrying(at: key) { node in
      try node.command("HDEL", key, identifier, what: "taking a question back")
    }
    try connection.retrying(at: "\(key):\(identifier)") { node in
      try node.command("DEL", "\(key):\(identifier)", what: "taking a question back")
    }
  }
}
