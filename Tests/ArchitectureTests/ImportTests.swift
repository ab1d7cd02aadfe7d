// The arrows of the house point down: ARCHITECTURE.md lists the rooms, highest first, and a room may import only rooms below it.

import Foundation
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

private struct Room {
  var name: String
  /// Every `import` line of its files, by file.
  var imports: [(file: String, module: String)]
}

private func rooms() throws -> [Room] {
  let sources = root.appendingPathComponent("Sources")
  return try FileManager.default.contentsOfDirectory(atPath: sources.path).sorted().map { name in
    let files = FileManager.default.enumerator(at: sources.appendingPathComponent(name), includingPropertiesForKeys: nil)!
    let imports = try files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }.flatMap { file in
      try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { line -> (String, String)? in
        let words = line.split(separator: " ").drop { $0.hasPrefix("@") || $0 == "public" || $0 == "internal" || $0 == "package" }
        guard words.first == "import" else { return nil }
        let target = words.dropFirst().first { !["struct", "class", "enum", "func", "protocol"].contains($0) } ?? ""
        return (file.lastPathComponent, String(target.split(separator: ".")[0]))
      }
    }
    return Room(name: name, imports: imports)
  }
}

/// The first column of the table of rooms in ARCHITECTURE.md, highest first; one row may name several.
private func documentedOrder() throws -> [[String]] {
  let text = try String(contentsOf: root.appendingPathComponent("ARCHITECTURE.md"), encoding: .utf8)
  return text.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
    line.split(separator: "|")[0].split(separator: ",").map { $0.trimmingCharacters(in: [" ", "`"]) }
  }
}

@Suite struct `The house` {
  @Test func `every room is described in ARCHITECTURE.md, and nothing else is`() throws {
    #expect(Set(try documentedOrder().joined()) == Set(try rooms().map(\.name)))
  }

  @Test func `a room imports only rooms below it`() throws {
    var depth: [String: Int] = [:]
    for (index, names) in try documentedOrder().enumerated() { for name in names { depth[name] = index } }
    for room in try rooms() {
      for (file, module) in room.imports {
        guard let target = depth[module] else { continue }
        #expect(target > depth[room.name] ?? -1, "\(room.name)/\(file) imports \(module), which stands above it")
      }
    }
  }

  @Test func `each C library has one room`() throws {
    let owners = [
      ("CRdkafka", "KafkaTransport"), ("CHiredis", "RedisStore"), ("CZlib", "Compression"), ("CZstd", "Compression"),
      ("CVectors", "Codec"),
    ]
    for (library, owner) in owners {
      let users = try rooms().filter { $0.imports.contains { $0.module == library } }.map(\.name)
      #expect(users == [owner])
    }
  }

  @Test func `SwiftNIO has one room`() throws {
    let users = try rooms().filter { $0.imports.contains { $0.module.hasPrefix("NIO") } }.map(\.name)
    #expect(users == ["HTTPServer"])
  }

  @Test func `only the program chooses transports`() throws {
    for room in try rooms() where room.name != "freshet" {
      let transports = Set(room.imports.map(\.module)).intersection([
        "HTTPTransport", "KafkaTransport", "RedisStore", "LocalTransport",
      ])
      #expect(transports.isEmpty, "\(room.name) imports \(transports)")
    }
  }
}
