// The document that a sample leads to: a stream per kind of record, at the rate that its times show, with the key that its names suggest.

import Base
import Configuration

struct InferredDocument {
  private let sample: Sample
  private let format: ForeignFormat
  private let name: String
  private let entities: InferredEntities

  init(_ sample: Sample, _ format: ForeignFormat, name: String) {
    self.sample = sample
    self.format = format
    entities = InferredEntities(sample)
    self.name = StreamDocument.identifier(name)
  }

  var schema: ForeignSchema {
    var notes = ["read \(sample.recordCount) records" + (sample.recordCount == Sample.recordCountMax ? ", the limit" : "")]
    let rate = Self.rate(sample)
    if let rate {
      notes.append("rate: \(rate.text), from the times in '\(rate.field)'")
    } else {
      notes.append("rate: 100/s, a guess: no field holds rising times")
    }
    let document: DocumentNode
    if let discriminator = sample.discriminator {
      notes.append("kinds: '\(discriminator)' tells \(sample.kinds.count) kinds of records apart, a stream for each")
      if sample.otherCount > 0 { notes.append("left out: \(sample.otherCount) records of further kinds") }
      document = streams(rate?.perSecond ?? 100, &notes)
    } else {
      let profile = sample.kinds[0].profile
      let inference = FieldInference(prefix: "", entities: entities)
      let fields = inference.fields(profile)
      notes += inference.notes
      var comments: [String] = []
      if rate == nil { comments.append("A guess.") }
      var stream = StreamDocument(
        name: name, rate: DocumentEntry("rate", .word(rate?.text ?? "100/s"), comments: comments), fields: fields)
      stream.key = Self.key(profile, &notes).map { DocumentEntry("key", .text($0)) }
      stream.entities = entities.entry
      stream.bind = entities.bind(profile.names)
      if format == .csv { stream.output = [DocumentEntry("format", .word("csv"))] }
      document = stream.node
    }
    var run = RunDefaults()
    if format == .csv { run.format = "csv" }
    let heading = [
      "Inferred from \(sample.recordCount) records of a sample. It gives records of the same shape; check ranges, shares and the rate."
    ]
    return ForeignSchema(format, heading: heading, document: document, run: run, notes: notes)
  }

  private func streams(_ perSecond: Double, _ notes: inout [String]) -> DocumentNode {
    var entries = StreamDocument.head(kind: "stream", name: name)
    var used: Set<String> = []
    let total = sample.kinds.reduce(0) { $0 + $1.profile.count }
    let streams = sample.kinds.map { kind -> DocumentEntry in
      var title = StreamDocument.identifier(kind.name)
      while !used.insert(title).inserted { title += "_" }
      let inference = FieldInference(prefix: "\(kind.name): ", entities: entities)
      var stream: [DocumentEntry] = []
      let share = Double(kind.profile.count) / Double(total)
      let comment = "\(kind.profile.count) of \(total) records"
      stream.append(DocumentEntry("rate", .word(Self.rateText(perSecond * share)), comments: [comment]))
      stream.append(DocumentEntry("topic", .text(name)))
      if let key = Self.key(kind.profile, &notes) { stream.append(DocumentEntry("key", .text(key))) }
      if let bind = entities.bind(kind.profile.names) { stream.append(bind) }
      stream.append(DocumentEntry("fields", .block(inference.fields(kind.profile))))
      notes += inference.notes
      return DocumentEntry(title, .block(stream))
    }
    if let entry = entities.entry { entries.append(entry) }
    entries.append(DocumentEntry("streams", .block(streams)))
    if format == .csv { entries.append(DocumentEntry("output", .mapping(["format": .word("csv")]))) }
    return .block(entries)
  }

  // MARK: - Rate

  private struct Rate {
    var perSecond: Double
    var field: String
    var text: String { InferredDocument.rateText(perSecond) }
  }

  /// From the first field whose times rise: records over the time between the first and the last.
  private static func rate(_ sample: Sample) -> Rate? {
    guard sample.recordCount > 2 else { return nil }
    for name in sample.kinds[0].profile.names {
      var least = Int64.max
      var most = Int64.min
      let isTime = sample.kinds.allSatisfy { kind in
        guard let profile = kind.profile.fields[name], let times = FieldInference.times(profile, name: name), times.isRising else {
          return false
        }
        least = min(least, times.least)
        most = max(most, times.most)
        return true
      }
      guard isTime, most > least else { continue }
      let perSecond = Double(sample.recordCount - 1) / (Double(most - least) / 1000)
      if perSecond.isFinite, perSecond > 1e-6, perSecond < 1e8 { return Rate(perSecond: perSecond, field: name) }
    }
    return nil
  }

  /// Three digits that matter, per second, minute or hour.
  static func rateText(_ perSecond: Double) -> String {
    let (value, unit) =
      perSecond >= 0.1 ? (perSecond, "s") : perSecond * 60 >= 0.1 ? (perSecond * 60, "m") : (perSecond * 3600, "h")
    let rounded = value >= 100 ? value.rounded() : NumberFit.rounded(value)
    return "\(DocumentNode.numberText(max(rounded, 0.001)))/\(unit)"
  }

  // MARK: - Key

  /// The field that most likely says whose record it is.
  private static func key(_ profile: ObjectProfile, _ notes: inout [String]) -> String? {
    let candidates = profile.names.filter { name in
      guard let field = profile.fields[name], field.count == profile.count, field.nullCount == 0 else { return false }
      return !name.contains(".") && (field.texts.count == field.count || field.numbers.integerCount == field.count)
    }
    let preferred = [
      "user_id", "userid", "customer_id", "customerid", "account_id", "device_id", "session_id", "sessionid", "user", "key", "id",
    ]
    for wanted in preferred {
      if let name = candidates.first(where: {
        $0.lowercased() == wanted || $0.lowercased().replacing("_", with: "") == wanted.replacing("_", with: "")
      }) {
        return note(name, "its name", &notes)
      }
    }
    if let name = candidates.first(where: { $0.lowercased().hasSuffix("_id") || $0.hasSuffix("Id") || $0.hasSuffix("ID") }) {
      return note(name, "its name", &notes)
    }
    if let name = candidates.first(where: { profile.fields[$0]!.texts.uuidCount == profile.count }) {
      return note(name, "its values", &notes)
    }
    return nil
  }

  private static func note(_ name: String, _ reason: String, _ notes: inout [String]) -> String {
    let line = "key: '\(name)', by \(reason)"
    if !notes.contains(line) { notes.append(line) }
    return name
  }
}
