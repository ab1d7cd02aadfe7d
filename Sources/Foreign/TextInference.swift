// From the texts of a field to its generator: a constant, a time, an identifier, an address, a choice, a common shape, words.

import Base
import Configuration

struct TextInference {
  private let texts: TextProfile
  private let name: String

  init(_ texts: TextProfile, name: String) {
    self.texts = texts
    self.name = name
  }

  /// - Parameter note: Told what it is.
  func sketch(_ note: (String) -> Void) -> FieldSketch {
    let count = texts.count
    if let times = FieldInference.textTimes(texts) {
      note("times as \(times.format)\(times.isRising ? "" : ", not rising")")
      return times.sketch
    }
    if texts.order.count == 1, count > 1 && texts.uuidCount + texts.emailCount == 0 || texts.order[0].isEmpty {
      note("always '\(texts.order[0])'")
      return .constant(.text(texts.order[0]))
    }
    // Identifiers are never copied from a sample.
    if texts.uuidCount == count || texts.emailCount == count, let sketch = recognised(note) { return sketch }
    let distinct = texts.counts?.count ?? .max
    if distinct <= FieldInference.choiceCountMax, count >= distinct * 3 {
      note("\(distinct) different texts")
      let values = texts.order.map { ($0, texts.counts?[$0] ?? 1) }.sorted { $0.1 > $1.1 }
      return .choice(values.map { .text($0.0) }, weights: FieldInference.percentages(values.map(\.1)))
    }
    if let sketch = recognised(note) { return sketch }
    if let shape = texts.shape, count > 1, !shape.isWord || shape.isCounting {
      if shape.isCounting, count > 2, let text = shape.sequenceText, let first = shape.firstNumber {
        note("a sequence like '\(text)'")
        return FieldSketch(["sequence": .text(text), "start": .integer(first)])
      }
      note("texts of one shape")
      return FieldSketch(["pattern": .text(shape.pattern)])
    }
    return words(note)
  }

  private func recognised(_ note: (String) -> Void) -> FieldSketch? {
    let count = texts.count
    if texts.uuidCount == count {
      let version = texts.uuid7Count == count ? "v7" : "v4"
      note("UUIDs")
      return FieldSketch(["uuid": .word(version)])
    }
    if texts.ip4Count == count {
      note("IPv4 addresses")
      return FieldSketch(["ip": .word("v4")])
    }
    if texts.ip6Count == count {
      note("IPv6 addresses")
      return FieldSketch(["ip": .word("v6")])
    }
    if texts.emailCount == count {
      note("e-mail addresses")
      return .fake("email")
    }
    if texts.urlCount == count {
      note("URLs")
      return .fake("url")
    }
    return nil
  }

  /// Names of fields that say which word table is meant; the longer before those that they contain.
  private static let hints: [(part: String, kind: String)] = [
    ("user_agent", "user_agent"), ("useragent", "user_agent"), ("first_name", "first_name"), ("firstname", "first_name"),
    ("last_name", "last_name"), ("lastname", "last_name"), ("user_name", "user_name"), ("username", "user_name"),
    ("company", "company"), ("country", "country"), ("city", "city"), ("street", "street"), ("address", "address"),
    ("postcode", "postcode"), ("zip", "postcode"), ("phone", "phone"), ("product", "product"), ("referrer", "referrer"),
    ("path", "path"), ("domain", "domain"), ("job", "job"), ("color", "color"), ("full_name", "name"), ("fullname", "name"),
  ]

  private func words(_ note: (String) -> Void) -> FieldSketch {
    let lowered = name.lowercased()
    if let hint = Self.hints.first(where: { lowered.contains($0.part) })
      ?? (lowered == "name" && texts.words.most <= 4 ? ("name", "name") : nil)
    {
      note("texts, taken for '\(hint.kind)' by the name of the field")
      return .fake(hint.kind)
    }
    if texts.spaceCount * 2 > texts.count {
      let least = max(1, min(texts.words.least, 200))
      let most = max(least, min(texts.words.most, 200))
      note("\(least) to \(most) words")
      return FieldSketch(["text": .mapping(["words": .list([.integer(least), .integer(most)])])])
    }
    guard texts.length.most > 0 else { return .constant(.text("")) }
    let least = min(texts.length.least, 1000)
    let most = min(texts.length.most, 1000)
    note("texts of \(least) to \(most) characters")
    return FieldSketch(["pattern": .text(least == most ? "[a-z]{\(least)}" : "[a-z]{\(least),\(most)}")])
  }
}
