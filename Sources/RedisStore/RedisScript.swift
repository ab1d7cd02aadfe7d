// A Lua script that Redis keeps under its SHA-1: sent once with SCRIPT LOAD, called with EVALSHA, loaded again when Redis has forgotten it.

import Base

final class RedisScript {
  let source: String
  /// What each connection was told; a Redis that has forgotten the script says so.
  private var digests: [ObjectIdentifier: String] = [:]

  init(_ source: String) { self.source = source }

  /// The digest to call; loads the script where it must.
  func digest(on connection: RedisConnection) throws -> String {
    if let digest = digests[ObjectIdentifier(connection)] { return digest }
    let reply = try connection.command("SCRIPT", "LOAD", source, what: "loading a script")
    guard let text = reply.text else { throw Failure(.failure, "\(connection.name): SCRIPT LOAD gave no digest") }
    digests[ObjectIdentifier(connection)] = text
    return text
  }

  func forget() { digests.removeAll() }

  /// Calls the script; an error reply becomes a failure that says `what` was being done.
  func call(on connection: RedisConnection, keys: [String], _ arguments: [String], what: String) throws -> RedisReply {
    for _ in 0..<2 {
      let buffer = ByteBuffer()
      RESP.append(["EVALSHA", try digest(on: connection), "\(keys.count)"] + keys + arguments, to: buffer)
      try connection.send(buffer.bytes)
      let reply = try connection.reply()
      guard let text = reply.error else { return reply }
      guard RedisError(text: text).isForgottenScript else { throw connection.failure(text, what) }
      forget()
    }
    throw Failure(.unavailable, "\(connection.name): \(what): Redis does not keep the script", isRetryable: true)
  }
}
