import Base
import Foundation
import TestSupport
import Testing

@testable import HTTPTransport

private struct Seen: Decodable, Equatable {
  var method: String
  var path: String
  var type: String?
  var body: String
}

private func record(_ fields: String...) -> String {
  let fields = fields.map { "{\"name\": \"\($0)\", \"type\": \"string\"}" }.joined(separator: ", ")
  return "{\"type\": \"record\", \"name\": \"r\", \"fields\": [\(fields)]}"
}

struct SchemaRegistryTests {
  @Test func `a schema is registered once and keeps its number`() throws {
    let double = try TestDouble("registry")
    let registry = try SchemaRegistry(double.address + "/")
    let first = try registry.register(schema: record("a"), subject: "clicks-value")
    #expect(try registry.register(schema: record("a"), subject: "clicks-value") == first)
    #expect(try registry.register(schema: record("a"), subject: "other/ä b") == first)
    let second = try registry.register(schema: record("a", "b"), subject: "clicks-value")
    #expect(second != first)
    #expect(try registry.find(schema: record("a"), subject: "clicks-value")?.version == 1)
    #expect(try registry.latest(subject: "clicks-value")?.id == second)
    #expect(try registry.schema(id: second)?.contains("\"b\"") == true)
    let seen = try double.requests(Seen.self)
    #expect(seen[0].path == "/subjects/clicks-value/versions")
    #expect(seen[0].type == "application/vnd.schemaregistry.v1+json")
    #expect(seen[0].body.hasSuffix(#""schemaType":"AVRO"}"#))
    #expect(seen[2].path == "/subjects/other%2F%C3%A4%20b/versions")
  }

  @Test func `a schema comes with those that it refers to, the innermost first and each once`() throws {
    let double = try TestDouble("registry")
    let registry = try SchemaRegistry(double.address)
    func register(_ name: String, fields: String, references: [String]) throws {
      let schema = "{\"type\":\"record\",\"name\":\"\(name)\",\"fields\":[\(fields)]}"
      let list = references.map { ["name": $0, "subject": "\($0) s", "version": 1] as [String: Any] }
      let body = try JSONSerialization.data(withJSONObject: ["schema": schema, "references": list])
      let answer = try HTTPClient().send(
        "POST", URL(string: "\(double.address)/subjects/\(name)%20s/versions")!,
        headers: [("Content-Type", "application/vnd.schemaregistry.v1+json")], body: body)
      #expect(answer.status == 200)
    }
    func field(_ type: String) -> String { "{\"name\":\"\(type)\",\"type\":\"\(type)\"}" }
    try register("c", fields: field("int"), references: [])
    try register("b", fields: field("c"), references: ["c"])
    try register("a", fields: "\(field("b")),\(field("c"))", references: ["b", "c"])
    let found = try #require(try registry.schemaWithReferences(id: 3))
    #expect(found.kind == "AVRO" && found.schema.contains("\"name\": \"a\""))
    #expect(found.references.map { $0.contains("\"name\": \"c\", \"type\": \"record\"") } == [true, false])
    #expect(found.references.count == 2 && found.references[1].contains("\"name\": \"b\", \"type\": \"record\""))
    #expect(try registry.schemaWithReferences(id: 1)?.references == [])
    #expect(try registry.schemaWithReferences(id: 9) == nil)
    #expect(try double.requests(Seen.self).map(\.path).filter { $0.hasSuffix("/subjects/b%20s/versions/1") }.count == 1)
  }

  @Test func `what the registry does not hold is nil`() throws {
    let double = try TestDouble("registry")
    let registry = try SchemaRegistry(double.address)
    #expect(try registry.find(schema: record("a"), subject: "s") == nil)
    #expect(try registry.latest(subject: "s") == nil)
    #expect(try registry.schema(id: 7) == nil)
    _ = try registry.register(schema: record("a"), subject: "s")
    #expect(try registry.find(schema: record("b"), subject: "s") == nil)
  }

  @Test func `a schema that breaks its subject's rule is refused in words`() throws {
    let double = try TestDouble("registry")
    let registry = try SchemaRegistry(double.address)
    _ = try registry.register(schema: record("a", "b"), subject: "s")
    let failure = #expect(throws: Failure.self) { try registry.register(schema: record("a"), subject: "s") }
    #expect(
      failure?.message
        == "schema registry \(double.address): /subjects/s/versions: the schema is not compatible with an earlier version of its subject: "
        + "Schema being registered is incompatible with an earlier schema (error 409)")
    #expect(failure?.code == .badConfiguration)
    #expect(try double.requests(Seen.self).count == 2)
  }

  @Test(arguments: [("{\"type\": \"record\"}", "KeyError"), ("not json", "JSONDecodeError"), ("", "JSONDecodeError")])
  func `a schema that is none is refused in words`(schema: String, reason: String) throws {
    let double = try TestDouble("registry")
    let failure = #expect(throws: Failure.self) {
      try SchemaRegistry(double.address).register(schema: schema, subject: "s")
    }
    #expect(
      failure?.message
        == "schema registry \(double.address): /subjects/s/versions: the registry refuses the schema: Invalid schema: \(reason) (error 42201)"
    )
    #expect(failure?.code == .badConfiguration)
  }

  @Test func `a registry may ask who is there`() throws {
    let double = try TestDouble("registry", ["me:pässword"])
    let folder = TestFolder()
    try folder.write("pässword\n", as: "password")
    let allowed = try SchemaRegistry(
      double.address,
      environment: ["FRESHET_SCHEMA_REGISTRY_USERNAME": "me", "FRESHET_SCHEMA_REGISTRY_PASSWORD_FILE": folder.file("password")])
    #expect(try allowed.register(schema: record("a"), subject: "s") == 1)
    let failure = #expect(throws: Failure.self) {
      try SchemaRegistry(double.address).register(schema: record("a"), subject: "s")
    }
    #expect(
      failure?.message
        == "schema registry \(double.address): /subjects/s/versions: access denied; set FRESHET_SCHEMA_REGISTRY_USERNAME and "
        + "FRESHET_SCHEMA_REGISTRY_PASSWORD: Unauthorized (error 401)")
    #expect(failure?.code == .unavailable)
  }

  @Test func `a registry that comes back is asked again, one that does not is unavailable`() throws {
    var retries = RetryPolicy()
    retries.firstWaitMilliseconds = 1
    retries.attemptLimit = 3
    let double = try TestDouble("webhook", ["503", "503", "200:{\"id\": 5}", "200:hello", "503:down"])
    let registry = try SchemaRegistry(double.address, retries: retries)
    #expect(try registry.register(schema: record("a"), subject: "s") == 5)
    let strange = #expect(throws: Failure.self) { try registry.register(schema: record("a"), subject: "s") }
    #expect(
      strange?.message
        == "schema registry \(double.address): /subjects/s/versions: expected an answer of Confluent's API, found not a JSON object"
    )
    let down = #expect(throws: Failure.self) { try registry.register(schema: record("a"), subject: "s") }
    #expect(down?.message == "schema registry \(double.address): /subjects/s/versions: HTTP 503: down")
    #expect(down?.isRetryable == true)
    let nowhere = #expect(throws: Failure.self) {
      try SchemaRegistry("http://127.0.0.1:1", retries: retries).register(schema: record("a"), subject: "s")
    }
    #expect(nowhere?.message == "schema registry http://127.0.0.1:1: connection refused")
    #expect(nowhere?.code == .unavailable)
  }
}
