// Where a Redis is: `redis://[user@]HOST:PORT[,HOST:PORT...][/DB]` or `redis+unix:///PATH[?db=N]`. An address never holds the password: that comes from
// FRESHET_REDIS_PASSWORD or from the file that FRESHET_REDIS_PASSWORD_FILE names.

import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// One Redis database, or a Redis Cluster.
public struct RedisAddress: Hashable, Sendable, CustomStringConvertible {
  public enum Endpoint: Hashable, Sendable {
    case tcp(host: String, port: UInt16)
    case unix(path: String)
  }

  public var endpoint: Endpoint
  /// Where to ask when the first does not answer: more nodes of a cluster, or the replicas that may take its place.
  public var alternatives: [Endpoint] = []
  public var endpoints: [Endpoint] { [endpoint] + alternatives }
  /// For `AUTH` with a user name (Redis 6 and later).
  public var user: String?
  public var database: Int

  public init(endpoint: Endpoint, user: String? = nil, database: Int = 0) {
    self.endpoint = endpoint
    self.user = user
    self.database = database
  }

  public var description: String {
    switch endpoint {
    case .tcp:
      let hosts = endpoints.map(Self.text).joined(separator: ",")
      return "redis://\(user.map { "\($0)@" } ?? "")\(hosts)\(database == 0 ? "" : "/\(database)")"
    case .unix(let path):
      return "redis+unix://\(path)\(database == 0 ? "" : "?db=\(database)")"
    }
  }

  private static func text(_ endpoint: Endpoint) -> String {
    switch endpoint {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): path
    }
  }

  /// Whether `text` means to be a Redis address, well-formed or not.
  public static func isOne(_ text: String) -> Bool {
    ["redis://", "redis+unix://", "rediss://"].contains { text.hasPrefix($0) }
  }

  /// Reads an address; throws a usage failure that says what was expected.
  public init(_ text: String) throws {
    if text.hasPrefix("redis+unix://") {
      self = try Self.unixAddress(text)
    } else if text.hasPrefix("redis://") {
      self = try Self.networkAddress(text)
    } else if text.hasPrefix("rediss://") {
      throw Failure(.usage, "\(Self.redacted(text)): TLS is not built in; use redis:// through a TLS tunnel such as stunnel")
    } else {
      throw Self.refusal(text, "not a Redis address")
    }
  }

  private static func networkAddress(_ text: String) throws -> RedisAddress {
    var rest = text.dropFirst("redis://".count)
    var user: String?
    if let at = rest.lastIndex(of: "@") {
      let name = rest[..<at]
      guard !name.contains(":") else {
        throw Failure(
          .usage,
          "\(redacted(text)): a password does not belong in an address; set FRESHET_REDIS_PASSWORD or FRESHET_REDIS_PASSWORD_FILE")
      }
      if !name.isEmpty { user = String(name) }
      rest = rest[rest.index(after: at)...]
    }
    var database = 0
    if let slash = rest.firstIndex(of: "/") {
      let number = rest[rest.index(after: slash)...]
      if !number.isEmpty {
        guard let parsed = Int(number), parsed >= 0 else { throw refusal(text, "'\(number)' is not a database number") }
        database = parsed
      }
      rest = rest[..<slash]
    }
    let endpoints = try rest.split(separator: ",", omittingEmptySubsequences: false).map { try endpoint($0, text) }
    var address = RedisAddress(endpoint: endpoints[0], user: user, database: database)
    address.alternatives = Array(endpoints.dropFirst())
    return address
  }

  private static func endpoint(_ part: Substring, _ text: String) throws -> Endpoint {
    var host = part
    var port: UInt16 = 6379
    if let colon = part.lastIndex(of: ":"), !part.hasSuffix("]") {
      host = part[..<colon]
      guard let parsed = UInt16(part[part.index(after: colon)...]), parsed > 0 else {
        throw refusal(text, "'\(part)' is not HOST:PORT")
      }
      port = parsed
    }
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty, host.allSatisfy({ $0.isASCII && !$0.isWhitespace && $0 != "?" }) else {
      throw refusal(text, "'\(part)' is not HOST:PORT")
    }
    return .tcp(host: String(host), port: port)
  }

  private static func unixAddress(_ text: String) throws -> RedisAddress {
    var path = text.dropFirst("redis+unix://".count)
    var database = 0
    if let mark = path.firstIndex(of: "?") {
      let query = path[path.index(after: mark)...]
      guard query.hasPrefix("db="), let parsed = Int(query.dropFirst(3)), parsed >= 0 else {
        throw refusal(text, "'?\(query)' is not ?db=N")
      }
      database = parsed
      path = path[..<mark]
    }
    guard path.hasPrefix("/"), path.count > 1 else { throw refusal(text, "no socket path") }
    return RedisAddress(endpoint: .unix(path: String(path)), database: database)
  }

  private static func refusal(_ text: String, _ reason: String) -> Failure {
    Failure(
      .usage, "\(redacted(text)): \(reason); expected redis://[USER@]HOST:PORT[,HOST:PORT...][/DB] or redis+unix:///PATH[?db=N]")
  }

  /// The text without what stands before an `@`, where a password could be.
  private static func redacted(_ text: String) -> String {
    guard let at = text.lastIndex(of: "@"), let scheme = text.firstIndex(of: "/") else { return text }
    return "\(text[..<scheme])//***@\(text[text.index(after: at)...])"
  }
}

extension RedisAddress {
  /// The password that the environment gives, in itself or as the first line of a file; nil where it gives none.
  public static func password(environment: [String: String]) throws -> String? {
    if let password = environment["FRESHET_REDIS_PASSWORD"], !password.isEmpty { return password }
    guard let path = environment["FRESHET_REDIS_PASSWORD_FILE"] else { return nil }
    guard let file = fopen(path, "r") else {
      throw Failure(.badConfiguration, "FRESHET_REDIS_PASSWORD_FILE: cannot read \(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    guard getline(&line, &capacity, file) > 0, let line else {
      throw Failure(.badConfiguration, "FRESHET_REDIS_PASSWORD_FILE: \(path) is empty")
    }
    return String(String(cString: line).prefix { !$0.isNewline })
  }
}
