// A client of a schema registry that speaks Confluent's REST API (Confluent Schema Registry, Karapace, Apicurio, Redpanda). It hands out one number
// per schema, which goes in front of every record in the wire format.

import Base
import Foundation

public enum SchemaKind: String, Sendable {
  case avro = "AVRO"
  case json = "JSON"
  case protobuf = "PROTOBUF"
}

/// A schema as the registry holds it.
public struct RegisteredSchema: Sendable, Equatable {
  public var id: Int32
  /// Of its subject, from 1.
  public var version: Int
  public var schema: String
}

/// A schema with what it refers to.
public struct ReferringSchema: Sendable, Equatable {
  /// As the registry calls it: `AVRO`, `JSON`, `PROTOBUF`.
  public var kind: String
  public var schema: String
  /// Each after those that it refers to itself.
  public var references: [String] = []
}

/// Calls wait for their answer; they are made before a stream begins or when a new schema is met, never per record.
public final class SchemaRegistry {
  private let address: HTTPAddress
  private let client: HTTPClient
  private let headers: [(name: String, value: String)]
  private let retries: RetryPolicy
  private let outbox = HTTPOutbox(limit: 1)
  private var random = Random(seed: SystemClock().monotonicNanoseconds, 0, 0)

  static let mediaType = "application/vnd.schemaregistry.v1+json"

  /// - Parameter environment: FRESHET_SCHEMA_REGISTRY_USERNAME and FRESHET_SCHEMA_REGISTRY_PASSWORD, or the latter with `_FILE`, for basic
  ///   authentication.
  public init(
    _ url: String, environment: [String: String] = [:], timeoutMilliseconds: Int = 10_000, retries: RetryPolicy? = nil
  ) throws {
    var address = try HTTPAddress(url)
    if url.hasSuffix("/") { address = try HTTPAddress(String(url.dropLast())) }
    self.address = address
    client = HTTPClient(timeoutMilliseconds: timeoutMilliseconds)
    var policy = RetryPolicy()
    policy.attemptLimit = 4
    self.retries = retries ?? policy
    var headers = [("Accept", "\(Self.mediaType), application/json"), ("User-Agent", "freshet")]
    let user = environment["FRESHET_SCHEMA_REGISTRY_USERNAME"] ?? ""
    let password = try EnvironmentSecret.read("FRESHET_SCHEMA_REGISTRY_PASSWORD", environment)
    if !user.isEmpty || password != nil {
      headers.append(("Authorization", "Basic \(Data("\(user):\(password ?? "")".utf8).base64EncodedString())"))
    }
    self.headers = headers
  }

  /// Registers a schema under a subject; one that is there already keeps its number. A schema that the subject's compatibility rule or the
  /// registry's parser refuses is bad configuration.
  public func register(schema: String, subject: String, kind: SchemaKind = .avro) throws -> Int32 {
    let answer = try call("POST", "/subjects/\(Self.escaped(subject))/versions", Self.body(schema, kind))
    guard let answer, let id = (answer["id"] as? NSNumber)?.int32Value else { throw unexpected("subject '\(subject)'", "no id") }
    return id
  }

  /// Finds a schema under a subject; nil where the registry has no such subject, or not this schema.
  public func find(schema: String, subject: String, kind: SchemaKind = .avro) throws -> RegisteredSchema? {
    try call("POST", "/subjects/\(Self.escaped(subject))", Self.body(schema, kind), missing: [40401, 40403])
      .map { try registered($0, subject) }
  }

  /// The subject's newest schema; nil where the registry has no such subject.
  public func latest(subject: String) throws -> RegisteredSchema? {
    try call("GET", "/subjects/\(Self.escaped(subject))/versions/latest", nil, missing: [40401, 40402]).map {
      try registered($0, subject)
    }
  }

  /// The schema with a number and all that it refers to; nil where the registry has no such number.
  public func schemaWithReferences(id: Int32) throws -> ReferringSchema? {
    guard let answer = try call("GET", "/schemas/ids/\(id)", nil, missing: [40403]) else { return nil }
    guard let schema = answer["schema"] as? String else { throw unexpected("schema \(id)", "no schema") }
    var found = ReferringSchema(kind: answer["schemaType"] as? String ?? SchemaKind.avro.rawValue, schema: schema)
    var seen: Set<String> = []
    try addReferences(of: answer, to: &found, &seen, depth: 0)
    return found
  }

  private static let referenceCountMax = 200
  private static let referenceDepthMax = 20

  /// Adds the schemas that one names, each after those that it names itself.
  private func addReferences(of answer: [String: Any], to found: inout ReferringSchema, _ seen: inout Set<String>, depth: Int)
    throws
  {
    for reference in answer["references"] as? [[String: Any]] ?? [] {
      guard let subject = reference["subject"] as? String, let version = (reference["version"] as? NSNumber)?.intValue else {
        throw unexpected("references", "one without a subject and a version")
      }
      guard seen.insert("\(version) \(subject)").inserted else { continue }
      guard seen.count <= Self.referenceCountMax, depth < Self.referenceDepthMax else {
        throw unexpected("references", "more than \(Self.referenceCountMax), or deeper than \(Self.referenceDepthMax)")
      }
      let path = "/subjects/\(Self.escaped(subject))/versions/\(version)"
      guard let answer = try call("GET", path, nil), let schema = answer["schema"] as? String else {
        throw unexpected("subject '\(subject)'", "no schema")
      }
      try addReferences(of: answer, to: &found, &seen, depth: depth + 1)
      found.references.append(schema)
    }
  }

  /// The schema with a number; nil where the registry has none.
  public func schema(id: Int32) throws -> String? {
    guard let answer = try call("GET", "/schemas/ids/\(id)", nil, missing: [40403]) else { return nil }
    guard let schema = answer["schema"] as? String else { throw unexpected("schema \(id)", "no schema") }
    return schema
  }

  private static func body(_ schema: String, _ kind: SchemaKind) throws -> Data {
    try JSONSerialization.data(withJSONObject: ["schema": schema, "schemaType": kind.rawValue], options: [.sortedKeys])
  }

  private func registered(_ answer: [String: Any], _ subject: String) throws -> RegisteredSchema {
    guard let id = (answer["id"] as? NSNumber)?.int32Value, let version = (answer["version"] as? NSNumber)?.intValue,
      let schema = answer["schema"] as? String
    else { throw unexpected("subject '\(subject)'", "no id, version and schema") }
    return RegisteredSchema(id: id, version: version, schema: schema)
  }

  /// One call with its retries. Nil for an error that `missing` names.
  private func call(_ method: String, _ path: String, _ body: Data?, missing: Set<Int> = []) throws -> [String: Any]? {
    guard let url = URL(string: address.url.absoluteString + path) else { throw unexpected(path, "not a URL") }
    let headers = headers + (body == nil ? [] : [("Content-Type", Self.mediaType)])
    var attempt = 1
    while true {
      let outcome = Result { () throws(NoResponse) in try client.send(method, url, headers: headers, body: body) }
      switch retries.step(after: outcome, attempt: attempt, random: &random) {
      case .succeed:
        guard let answer = try? Self.object(outcome.get().body) else { throw unexpected(path, "not a JSON object") }
        return answer
      case .fail:
        let (error, failure) = failure(outcome, path)
        guard missing.contains(error) else { throw failure }
        return nil
      case .retry(let milliseconds):
        _ = outbox.pause(milliseconds: milliseconds)
        attempt += 1
      }
    }
  }

  private static func object(_ data: Data) throws -> [String: Any]? {
    try JSONSerialization.jsonObject(with: data) as? [String: Any]
  }

  private func failure(_ outcome: Result<HTTPResponse, NoResponse>, _ path: String) -> (error: Int, failure: Failure) {
    switch outcome {
    case .failure(let failure):
      return (0, Failure(.unavailable, "schema registry \(address): \(failure.reason)", isRetryable: true))
    case .success(let response):
      let answer = (try? Self.object(response.body)) ?? [:]
      let error = (answer["error_code"] as? NSNumber)?.intValue ?? response.status
      let reason = (answer["message"] as? String).map { "\($0) (error \(error))" } ?? response.summary
      let what = "schema registry \(address): \(path.removingPercentEncoding ?? path)"
      switch response.status {
      case 401, 403:
        return (
          error,
          Failure(
            .unavailable,
            "\(what): access denied; set FRESHET_SCHEMA_REGISTRY_USERNAME and FRESHET_SCHEMA_REGISTRY_PASSWORD: \(reason)")
        )
      case 409:
        return (
          error,
          Failure(.badConfiguration, "\(what): the schema is not compatible with an earlier version of its subject: \(reason)")
        )
      case 422: return (error, Failure(.badConfiguration, "\(what): the registry refuses the schema: \(reason)"))
      default: return (error, Failure(.unavailable, "\(what): \(reason)", isRetryable: RetryPolicy.isTransient(response.status)))
      }
    }
  }

  private func unexpected(_ what: String, _ found: String) -> Failure {
    Failure(.unavailable, "schema registry \(address): \(what): expected an answer of Confluent's API, found \(found)")
  }

  /// A subject as one segment of a path: RFC 3986's unreserved characters stay.
  private static func escaped(_ subject: String) -> String {
    let kept = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    return subject.addingPercentEncoding(withAllowedCharacters: kept) ?? subject
  }
}
