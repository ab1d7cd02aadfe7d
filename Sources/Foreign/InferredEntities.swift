// Identifiers that come back in a sample belong to something: each such field becomes an entity with as many rows as it had values, of which
// records draw one. The identifiers themselves are not copied.

import Configuration

struct InferredEntities {
  struct Entity {
    var name: String
    var field: String
    var count: Int
  }

  /// By the name of the field, in the order of the first kind of record.
  private(set) var all: [Entity] = []

  init(_ sample: Sample) {
    var names: [String] = []
    for kind in sample.kinds { for name in kind.profile.names where !names.contains(name) { names.append(name) } }
    for name in names where !name.contains(".") {
      var counter = DistinctCounter()
      var count = 0
      let areIdentifiers = sample.kinds.allSatisfy { kind in
        guard let profile = kind.profile.fields[name] else { return true }
        count += profile.texts.count
        counter.merge(profile.texts.distinct)
        return profile.texts.count + profile.nullCount == profile.count && profile.texts.uuidCount == profile.texts.count
      }
      let rows = counter.estimate
      guard areIdentifiers, count >= 20, rows > 1, Double(rows) < 0.9 * Double(count) else { continue }
      all.append(Entity(name: unused(Self.entityName(name)), field: name, count: rows))
    }
  }

  private func unused(_ name: String) -> String {
    var name = name
    while all.contains(where: { $0.name == name }) { name += "_" }
    return name
  }

  /// `user` of `user_id`, `userId` and `user`.
  private static func entityName(_ field: String) -> String {
    for suffix in ["_id", "_uuid", "Id", "ID", "Uuid"] where field.hasSuffix(suffix) && field.count > suffix.count {
      return StreamDocument.identifier(String(field.dropLast(suffix.count)))
    }
    return StreamDocument.identifier(field == "id" ? "thing" : field)
  }

  func entity(ofField name: String) -> Entity? { all.first { $0.field == name } }

  /// `entities:` of the document.
  var entry: DocumentEntry? {
    guard !all.isEmpty else { return nil }
    let entities = all.map { entity in
      DocumentEntry(
        entity.name,
        .block([
          DocumentEntry("count", .integer(entity.count)), DocumentEntry("key", .text(entity.field)),
          DocumentEntry("fields", .mapping([DocumentEntry(entity.field, .mapping(["uuid": .word("v4")]))])),
        ]))
    }
    return DocumentEntry(
      "entities", .block(entities), comments: ["Identifiers that come back in the sample; their values are not taken from it."])
  }

  /// `bind:` of a stream with these fields.
  func bind(_ names: [String]) -> DocumentEntry? {
    let bound = all.filter { names.contains($0.field) }
    guard !bound.isEmpty else { return nil }
    return DocumentEntry(
      "bind", .mapping(bound.map { DocumentEntry($0.name, .mapping(["ref": .text($0.name), "pick": .word("uniform")])) }))
  }
}
