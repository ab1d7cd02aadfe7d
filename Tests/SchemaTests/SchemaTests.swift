// The shipped schemas and what is read from them, and, field by field, what the reader makes of a small one.

import Base
import Configuration
import Foundation
import Testing

@testable import Schema

/// The directory of the package.
let packageDirectory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .path

@Suite struct SchemaReaderTests {
  @Test(arguments: ["clickstream", "page_views"])
  func `the shipped schemas are read without findings`(_ name: String) throws {
    let path = "\(packageDirectory)/Schemas/\(name).yaml"
    let diagnostics = Diagnostics(file: path)
    let schema = try SchemaReader.read(path: path, diagnostics: diagnostics)
    #expect(diagnostics.all.map(\.description) == [])
    #expect(schema?.name == name)
  }

  @Test func `the click stream is read as it is written`() throws {
    let schema = try SchemaReader.load(path: "\(packageDirectory)/Schemas/clickstream.yaml")
    #expect(schema.seed == 42)
    #expect(schema.entities.map(\.name) == ["product", "user", "device"])
    #expect(
      schema.events.map(\.name) == [
        "page", "product_list_viewed", "product_viewed", "product_clicked", "product_added", "order_completed",
      ])
    #expect(schema.sessions?.states.map(\.name) == ["landing", "listing", "click", "direct", "product", "cart", "checkout"])
    #expect(schema.sessions?.bindings.map(\.name) == ["current"])
    #expect(schema.sessions?.arrivalsPerSecond == 100)
    #expect(schema.sessions?.profiles.first?.points.prefix(3).map(\.atMilliseconds) == [0, 7_200_000, 14_400_000])
    #expect(schema.sessions?.profiles.count == 2)
    #expect(schema.sessions?.timeoutMilliseconds == 1_800_000)
    #expect(schema.sessions?.states[0].think == .lognormal(median: 3000, sigma: 0.7))
    #expect(schema.output.keyPath == ["userId"])
    #expect(schema.output.usesEventTimestamp)
    #expect(schema.kinds(at: ["properties", "price"]) == [.double])
    #expect(schema.kinds(at: ["properties"]) == [.object])
    #expect(schema.kinds(at: ["nothing"]) == nil)
    guard case .choice(let brands, _) = schema.entities[0].fields[2].generator else {
      Issue.record("brand is no choice")
      return
    }
    #expect(brands.count == 24)
    #expect(brands.first == .string("Aldervane"))
  }

  @Test func `an event is laid over its base, objects field by field`() throws {
    let schema = try SchemaReader.load(path: "\(packageDirectory)/Schemas/clickstream.yaml")
    let added = try #require(schema.events.first { $0.name == "product_added" })
    #expect(
      added.fieldPaths == [
        "messageId", "type", "timestamp", "sentAt", "anonymousId", "userId", "session_id", "context", "context.country",
        "context.device", "context.tier", "event", "properties", "properties.product_id", "properties.category", "properties.brand",
        "properties.price", "properties.currency",
        "properties.position", "properties.quantity",
      ])
    guard case .const(let name)? = added.generator(at: ["event"]) else {
      Issue.record("event is no constant")
      return
    }
    #expect(name == .string("Product Added"))
  }

  @Test(arguments: [
    (20, 1, "more than 16 references follow each other from 'e3.f' on"),
    (8, 8, "more than 10000 rows are looked at for one value of 'e3.f'"),
  ])
  func `references of references are bounded in length and number`(_ length: Int, _ width: Int, _ message: String) {
    var text = "kind: stream\nname: a\nrate: 1/s\nbind: { e: { ref: e0 } }\nfields: { a: { from: e.f } }\nentities:\n"
    for index in 0...length {
      let references = (0..<width).map { "{ ref: e\(index + 1).f }, weight: \($0 + 1)" }.map {
        $0.replacingOccurrences(of: " }, ", with: ", ") + " }"
      }
      let field = index == length ? "const: 1" : "one_of: [ \(references.joined(separator: ", ")) ]"
      text += "  e\(index): { count: 1, key: id, fields: { id: { uuid: v4 }, f: { \(field) } } }\n"
    }
    let diagnostics = Diagnostics(file: "s")
    let schema = SchemaReader.read(text: text, diagnostics: diagnostics)
    #expect(schema == nil)
    #expect(diagnostics.all.map(\.message) == [message])
  }
}
