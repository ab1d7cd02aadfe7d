// The schema with every construct, read into the model: entities, sessions, streams, incidents, faults and outputs.

import Configuration
import Foundation
import Testing

@testable import Schema

@Suite struct EverythingTests {
  private let schema: EventSchema

  init() throws {
    schema = try SchemaReader.load(path: "\(packageDirectory)/Tests/SchemaTests/Schemas/everything.yaml") {
      Issue.record("\($0)")
    }
  }

  @Test func `entities grow, leave and have owners`() {
    #expect(schema.entities.map(\.name) == ["product", "user", "device", "coupon"])
    #expect(schema.entities[1].growth == .init(initial: 600, perDay: 50))
    #expect(schema.entities[1].lifetimeMilliseconds == 90.0 * 86_400_000)
    #expect(schema.entities[2].ownership == .init(owner: 1, least: 1, most: 3))
    #expect(schema.entities[2].count == 3000)
    guard case .reference(0, 1, let pick) = schema.entities[1].fields[3].generator else {
      Issue.record("the affinity is no reference")
      return
    }
    #expect(pick == RowPick(.zipf(exponent: 1.1), driftMilliseconds: 21_600_000))
  }

  @Test func `sessions have a device, an identity, bots and a week`() throws {
    let sessions = try #require(schema.sessions)
    #expect(sessions.actor == 1)
    #expect(sessions.device == 2)
    #expect(sessions.anonymousShare == 0.6)
    #expect(sessions.bots == .init(share: 0.02, think: .constant(120), actorCount: 50))
    #expect(sessions.states.map(\.identifies) == [false, true])
    #expect(sessions.states[1].think == .histogram(edges: [1000, 5000, 20_000], weights: [3, 1]))
    #expect(sessions.states[0].binds.map(\.pick.shape) == [.zipf(exponent: 1.05), .weights([3, 1])])
    #expect(sessions.profiles.map(\.isStepped) == [false, false, true])
    // The epoch began on a Thursday.
    #expect(sessions.profiles[2].points.map(\.factor) == [1, 1, 1.3, 1.2, 1, 1, 1])
    #expect(sessions.profiles[2].periodMilliseconds == 7 * 86_400_000)
  }

  @Test func `streams have their own records, loads and outputs`() throws {
    #expect(schema.streams.map(\.name) == ["orders", "payments", "users", "plans"])
    #expect(schema.events.map(\.name) == ["page", "order", "orders", "payments", "users", "plans"])
    #expect(schema.streams.map(\.event) == [2, 3, 4, 5])
    #expect(schema.events.map(\.output) == [0, 0, 1, 2, 3, 4])
    #expect(schema.outputs.map(\.topic) == ["clicks", "orders", "paid", "users", "plans"])
    #expect(schema.outputs.map(\.keyPath) == [["session"], ["order_id"], ["order_id"], ["user_id"], ["id"]])
    #expect(schema.outputs.map(\.format) == [.avro, .avro, .csv, .avro, .avro])
    #expect(schema.outputs.map { $0.headers.map(\.value) } == [["web"], ["web"], ["bank"], ["web"], ["web"]])
    #expect(schema.outputs.allSatisfy { !$0.usesEventTimestamp && $0.partitionCount == 4 })
    #expect(schema.streams[0].load == .constant(50))
    guard case .stream(0, withinMilliseconds: 600_000) = schema.streams[1].bindings[0].target,
      case .from(.record(0, field: 0))? = schema.events[3].generator(at: ["order_id"])
    else {
      Issue.record("payments do not read orders")
      return
    }
    #expect(schema.kinds(at: ["paid_at"]) == [.integer])
    #expect(schema.kinds(at: ["order_id"]) == [.string])
  }

  @Test func `changes write all fields of the row unless the stream says which`() throws {
    guard case .changes(let users) = schema.streams[2].content, case .changes(let plans) = schema.streams[3].content else {
      Issue.record("no changes")
      return
    }
    #expect(users.entity == 1)
    #expect(users.hasSnapshot)
    #expect(users.changingFields == [2, 1])
    #expect(users.deleteShare == 0.02)
    #expect(users.pick == .zipf(exponent: 0.8))
    #expect(!plans.hasSnapshot)
    #expect(plans.changingFields == [1, 2, 3, 4, 5, 6])
    #expect(schema.events[4].fields.map(\.name) == schema.entities[1].fields.map(\.name))
    let sources = schema.events[5].fields.map { "\($0.generator)".replacingOccurrences(of: "Schema.", with: "") }
    #expect(
      sources == [
        "from(BoundField.changed(field: 0))", "from(BoundField.changed(field: 2))", "from(BoundField.change(ChangeFact.version))",
        "from(BoundField.change(ChangeFact.operation))",
      ])
  }

  @Test func `incidents begin at their times and change whole events`() throws {
    #expect(schema.incidents.map(\.lengthMilliseconds) == [300_000, 120_000, 600_000, 300_000, nil])
    #expect(
      schema.incidents.map(\.start) == [
        .after(milliseconds: 600_000), .after(milliseconds: 1_200_000), .after(milliseconds: 1_800_000),
        .after(milliseconds: 2_400_000), .at(milliseconds: 1_767_312_000_000),
      ])
    guard case .flashCrowd(8) = schema.incidents[0].kind,
      case .botSwarm(500, .constant(50), 20) = schema.incidents[1].kind, case .hotRow(0, 17, 0.6) = schema.incidents[2].kind,
      case .outage(1, .string("DE")) = schema.incidents[3].kind, case .schemaChange(let changes) = schema.incidents[4].kind
    else {
      Issue.record("\(schema.incidents)")
      return
    }
    #expect(changes.map(\.event) == [0])
    let before = schema.events[0].fieldPaths
    let after = EventDefinition(name: "page", fields: changes[0].fields).fieldPaths
    #expect(Set(before).subtracting(after) == ["pair", "context.ip6", "title"])
    #expect(Set(after).subtracting(before) == ["context.build", "headline"])
    #expect(after.firstIndex(of: "headline") == before.firstIndex(of: "title").map { $0 })
  }

  @Test func `faults have their shares, delays and fields`() {
    let faults = schema.faults
    #expect(faults.late == .init(rate: 0.02, delay: .exponential(mean: 20_000), maximumMilliseconds: 600_000))
    #expect(faults.duplicate == .init(rate: 0.005, delay: .exponential(mean: 1000), maximumMilliseconds: 600_000))
    #expect(faults.reorder == .init(rate: 0.05, delay: .uniform(0, 2000), maximumMilliseconds: 2000))
    #expect(faults.dropRate == 0.001)
    #expect(faults.corruptRate == 0.0001)
    #expect(faults.skew == .init(rate: 0.01, offset: .normal(mean: -1000, sd: 90_000)))
    #expect(faults.missing == .init(rate: 0.001, paths: [["context", "country"]]))
    #expect(faults.wrongType == .init(rate: 0.001, paths: [["amount"], ["price"]]))
  }

  @Test func `a file of one stream is that stream`() throws {
    let schema = try SchemaReader.load(path: "\(packageDirectory)/Tests/SchemaTests/Schemas/one_stream.yaml") {
      Issue.record("\($0)")
    }
    #expect(schema.sessions == nil)
    #expect(schema.streams.map(\.name) == ["readings"])
    #expect(schema.streams.first?.load == .constant(1.5))
    #expect(schema.events.map(\.output) == [0])
    #expect(schema.output.topic == "readings")
    #expect(schema.output.keyPath == ["sensor", "id"])
    #expect(schema.events[0].fields.map(\.optional) == [0, 0, 0.01])
  }
}
