// From a sample of data to a schema: reads up to 100 000 records, finds out whether one field tells kinds of records apart, and writes one
// stream per kind with its share of the rate.

import Base
import Configuration
import Foundation

/// What a sample says about its records.
struct Sample {
  static let recordCountMax = 100_000
  /// Records that are looked at to find the field that tells kinds apart.
  static let headCount = 2000
  static let kindCountMax = 60

  var recordCount = 0
  /// The field that tells kinds of records apart.
  var discriminator: String?
  /// One per kind, in the order in which they were first met; only one without a discriminator.
  var kinds: [(name: String, profile: ObjectProfile)] = []
  /// Records of kinds beyond `kindCountMax`, or without the discriminator.
  var otherCount = 0
  private var head: [[(key: ConfigurationNode, value: ConfigurationNode)]] = []

  mutating func add(_ pairs: [(key: ConfigurationNode, value: ConfigurationNode)]) {
    recordCount += 1
    if head.count < Self.headCount, kinds.isEmpty {
      head.append(pairs)
      if head.count == Self.headCount { settle() }
    } else {
      count(pairs)
    }
  }

  /// Decides for a discriminator from what was read so far.
  mutating func settle() {
    guard kinds.isEmpty else { return }
    discriminator = Discriminator.field(in: head)
    let records = head
    head = []
    for pairs in records { count(pairs) }
  }

  private mutating func count(_ pairs: [(key: ConfigurationNode, value: ConfigurationNode)]) {
    var name = ""
    if let discriminator {
      guard let text = pairs.first(where: { $0.key.scalarText == discriminator })?.value.scalarText else {
        otherCount += 1
        return
      }
      name = text
    }
    if let index = kinds.firstIndex(where: { $0.name == name }) {
      kinds[index].profile.add(pairs)
    } else if kinds.count < Self.kindCountMax {
      let profile = ObjectProfile()
      profile.add(pairs)
      kinds.append((name, profile))
    } else {
      otherCount += 1
    }
  }
}

/// Finds the field whose value decides which other fields a record has.
enum Discriminator {
  static func field(in records: [[(key: ConfigurationNode, value: ConfigurationNode)]]) -> String? {
    guard records.count >= 10 else { return nil }
    let shapes = records.map { shape($0, prefix: "") }
    let union = shapes.reduce(into: Set<String>()) { $0.formUnion($1) }
    let overall = shapes.reduce(0.0) { $0 + Double($1.count) } / Double(shapes.count * max(1, union.count))
    guard overall < 0.97 else { return nil }
    var best: (name: String, coverage: Double)?
    for name in candidates(in: records) {
      var groups: [String: (union: Set<String>, sum: Int, count: Int)] = [:]
      for (record, shape) in zip(records, shapes) {
        let value = record.first { $0.key.scalarText == name }?.value.scalarText ?? ""
        groups[value, default: ([], 0, 0)].union.formUnion(shape)
        groups[value]!.sum += shape.count
        groups[value]!.count += 1
      }
      let covered = groups.values.reduce(0.0) { $0 + Double($1.sum) / Double(max(1, $1.union.count)) } / Double(records.count)
      // A field explains the shapes where records of one kind have nearly the same.
      if covered > overall + 0.5 * (1 - overall), covered > best?.coverage ?? 0 { best = (name, covered) }
    }
    return best?.name
  }

  /// Texts that every record has, of few different values.
  private static func candidates(in records: [[(key: ConfigurationNode, value: ConfigurationNode)]]) -> [String] {
    let preferred = ["event", "event_type", "eventType", "event_name", "type", "kind", "action", "name"]
    let names = records[0].compactMap(\.key.scalarText)
    let sorted = names.sorted { (preferred.firstIndex(of: $0) ?? .max) < (preferred.firstIndex(of: $1) ?? .max) }
    return sorted.filter { name in
      var values: Set<String> = []
      for record in records {
        guard let value = record.first(where: { $0.key.scalarText == name })?.value, case .scalar(let scalar) = value.content,
          scalar.isQuoted, !scalar.text.isEmpty, scalar.text.utf8.count <= 80
        else {
          return false
        }
        values.insert(scalar.text)
        if values.count > Sample.kindCountMax { return false }
      }
      return values.count > 1 && values.count * 3 <= records.count
    }
  }

  /// The paths of all fields, lists aside.
  private static func shape(_ pairs: [(key: ConfigurationNode, value: ConfigurationNode)], prefix: String) -> Set<String> {
    var result: Set<String> = []
    for pair in pairs {
      let path = prefix + (pair.key.scalarText ?? "")
      result.insert(path)
      if case .mapping(let inner) = pair.value.content, prefix.utf8.count < 500 {
        result.formUnion(shape(inner, prefix: path + "."))
      }
    }
    return result
  }
}

enum SampleConverter {
  static func convert(_ file: SampleFile, _ format: ForeignFormat, name: String, _ diagnostics: Diagnostics) throws(Failure)
    -> ForeignSchema?
  {
    var sample = Sample()
    do {
      if format == .csv {
        try readCSV(file, into: &sample, diagnostics)
      } else {
        try readJSON(file, into: &sample, diagnostics)
      }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.noInput, "\(file.path): \(error)")
    }
    sample.settle()
    guard !diagnostics.hasErrors else { return nil }
    guard sample.recordCount > 0, sample.kinds.contains(where: { !$0.profile.names.isEmpty || $0.profile.map != nil }) else {
      diagnostics.error("empty-file", at: SourceLocation(line: 1, column: 1), "the sample holds no records with fields")
      return nil
    }
    return InferredDocument(sample, format, name: name).schema
  }

  // MARK: - Reading

  private static func readJSON(_ file: SampleFile, into sample: inout Sample, _ diagnostics: Diagnostics) throws {
    func add(_ node: ConfigurationNode) -> Bool {
      guard case .mapping(let pairs) = node.content else {
        diagnostics.error("wrong-type", at: node.location, "a record: expected an object, found \(node.foundText)")
        return false
      }
      sample.add(pairs)
      return sample.recordCount < Sample.recordCountMax
    }
    if file.isWhole, let root = try? JSONDocumentReader.read(file.prefix) {
      if case .sequence(let items) = root.content {
        for item in items { guard add(item) else { return } }
      } else {
        _ = add(root)
      }
      return
    }
    try file.forEachLine { line, number in
      guard line.contains(where: { ![0x20, 0x09].contains($0) }) else { return true }
      do throws(JSONDocumentError) {
        return add(try JSONDocumentReader.read(line, line: number))
      } catch {
        diagnostics.error("syntax", at: error.location, error.message)
        return false
      }
    }
  }

  private static func readCSV(_ file: SampleFile, into sample: inout Sample, _ diagnostics: Diagnostics) throws {
    guard let reader = CSVLines.header(of: String(decoding: file.prefix, as: UTF8.self)) else { return }
    var header: [ConfigurationNode] = []
    var pending: [UInt8] = []
    var pendingLine = 0
    try file.forEachLine { line, number in
      if line.isEmpty, pending.isEmpty { return true }
      // A quoted cell may go on over line ends.
      if pending.isEmpty { pendingLine = number } else { pending.append(UInt8(ascii: "\n")) }
      pending += line
      guard let cells = reader.cells(pending) else {
        if pending.count < SampleFile.lineByteCountMax { return true }
        diagnostics.error("syntax", at: SourceLocation(line: pendingLine, column: 1), "a quote is never closed")
        return false
      }
      pending = []
      let place = SourceLocation(line: pendingLine, column: 1)
      if header.isEmpty {
        header = cells.map {
          ConfigurationNode(
            content: .scalar(
              ScalarNode(text: $0.trimmed.replacing("\u{feff}", with: "").replacing(".", with: "_"), isQuoted: true)),
            location: place)
        }
        if let name = Dictionary(grouping: header.compactMap(\.scalarText), by: { $0 }).first(where: { $0.value.count > 1 })?.key {
          diagnostics.error("duplicate-key", at: place, "duplicate column '\(name)'")
          return false
        }
        return true
      }
      guard cells.count == header.count else {
        diagnostics.error("syntax", at: place, "expected \(header.count) cells as in the header, found \(cells.count)")
        return false
      }
      sample.add(
        zip(header, cells).map { ($0, ConfigurationNode(content: .scalar(ScalarNode(text: $1, isQuoted: false)), location: place)) }
      )
      return sample.recordCount < Sample.recordCountMax
    }
    if !pending.isEmpty, !diagnostics.hasErrors {
      diagnostics.error("syntax", at: SourceLocation(line: pendingLine, column: 1), "a quote is never closed")
    }
  }
}
