// A Lua script that Redis keeps under its SHA-1: sent once with SCRIPT LOAD, called with EVALSHA, loaded again when Redis has forgotten it.

import Base

final class RedisScript {
  let source: String
  /// Nil until loaded into the Redis at the other end, and again after it was found forgotten.
  private(set) var digest: String?

  init(_ source: String) { self.source = source }

  /// The digest to call; loads the script where it must.
  func digest(on connection: RedisConnection) throws -> String {
    if let digest { return digest }
    let reply = try connection.command("SCRIPT", "LOAD", source, what: "loading a script")
    guard let text = reply.text else { throw Failure(.failure, "\(connection.name): SCRIPT LOAD gave no digest") }
    digest = text
    return text
  }

  func forget() { digest = nil }
}
