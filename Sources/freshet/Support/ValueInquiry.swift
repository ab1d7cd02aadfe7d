// One value of a running processor, explained: asks its workers, or looks into the saved checkpoints where none answers, and reads what Redis
// holds of the key.

import Base
import Configuration
import Features
import Foundation
import Processing
import Records

struct ValueInquiry {
  enum Origin {
    case worker(partitions: [Int32])
    /// The saved state of a partition, as nobody has answered.
    case checkpoint
  }

  let pipeline: PipelineDefinition
  let view: FeatureView
  let inquiry: Inquiry
  let origin: Origin?
  let finding: InquiryAnswer.Finding?
  /// Workers that have answered that they hold nothing of the key.
  let ignorantCount: Int
  let stored: (key: String, fields: [String: String], expiresIn: Int64?)?
  let askedAt: Int64

  private static let patienceMilliseconds = 2000

  init(_ pipeline: PipelineDefinition, view: Int, feature: Int, key: String?, endpoints: ProcessingEndpoints) throws {
    self.pipeline = pipeline
    self.view = pipeline.views[view]
    inquiry = Inquiry(view: self.view.name, feature: self.view.features[feature].name, key: key)
    guard let box = try endpoints.inquiries(pipeline) else {
      throw Failure(
        .usage, "a processor of pipeline '\(pipeline.name)' can only be asked where its checkpoints are in Redis or in a directory")
    }
    let answers = try Self.ask(inquiry, box)
    ignorantCount = answers.count { $0.finding == nil }
    askedAt = SystemClock().nowMilliseconds
    if let answer = answers.first(where: { $0.finding != nil }) {
      (origin, finding) = (.worker(partitions: answer.partitions), answer.finding)
    } else if answers.isEmpty, let found = try Self.saved(inquiry, pipeline, self.view.source, endpoints) {
      (origin, finding) = (.checkpoint, found)
    } else {
      (origin, finding) = (nil, nil)
    }
    stored = try endpoints.storedRow(self.view, key: key, in: pipeline)
  }

  /// Waits for the first worker that holds the key, at most two seconds.
  private static func ask(_ inquiry: Inquiry, _ box: any InquiryBox) throws -> [InquiryAnswer] {
    let identifier = UUID().uuidString.lowercased()
    try box.ask(identifier, inquiry.text)
    defer { try? box.withdraw(identifier) }
    var answers: [InquiryAnswer] = []
    let clock = SystemClock()
    let end = clock.monotonicNanoseconds + UInt64(patienceMilliseconds) * 1_000_000
    while clock.monotonicNanoseconds < end, !Interrupts.stopRequested {
      answers = try box.answers(to: identifier).compactMap { try? InquiryAnswer(text: $0) }
      if answers.contains(where: { $0.finding != nil }) { break }
      usleep(20_000)
    }
    return answers
  }

  private static func saved(
    _ inquiry: Inquiry, _ pipeline: PipelineDefinition, _ source: Int, _ endpoints: ProcessingEndpoints
  ) throws -> InquiryAnswer.Finding? {
    let definition = pipeline.sources[source]
    let input = try endpoints.input(for: definition)
    let repartitionings = pipeline.expectedRepartitionings(ofSource: source)
    let view = pipeline.views.firstIndex { $0.name == inquiry.view }
    // Whether the topic has one partition, and needs none of this, is not known here.
    var places: [(part: ProcessingPlan.Part, input: ProcessingInput)] = [(.everything, input)]
    if let repartitioning = repartitionings.first(where: { view.map($0.views.contains) ?? false }) {
      places.insert((.receiving(repartitioning), input.repartitioned(repartitioning, in: pipeline)), at: 0)
    } else if !repartitionings.isEmpty {
      places.insert((.sending(repartitionings), input), at: 0)
    }
    var failure: Failure?
    let saved = try places.map { try endpoints.savedPartitions(pipeline, definition, $0.input) }
    for (index, (part, _)) in places.enumerated() {
      do throws(Failure) {
        let inspector = CheckpointInspector(try ProcessingPlan(pipeline, source: source, part: part))
        for (partition, snapshot) in saved[index] {
          if let finding = try inspector.finding(inquiry, in: snapshot, of: partition) { return finding }
        }
        if !saved[index].isEmpty { return nil }
      } catch {
        // Made when the topic had one partition, or had several.
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
    return nil
  }

  // MARK: - Text

  private var name: String { "\(inquiry.view).\(inquiry.feature)" + (inquiry.key.map { " of '\($0)'" } ?? "") }

  var text: String {
    guard let finding, let origin else {
      let reason =
        ignorantCount > 0
        ? "no worker holds anything of this key (\(ignorantCount) answered)"
        : "no worker has answered within 2s, and no checkpoint holds anything of this key"
      return ([("\(name): \(reason)")] + describeStored(nil)).joined(separator: "\n")
    }
    var lines = [name + (finding.windowStart == nil ? " is " : " is so far ") + finding.value]
    switch origin {
    case .worker(let partitions):
      let others = partitions.count > 1 ? ", a worker with partitions \(partitions.map(String.init).joined(separator: ", "))" : ""
      lines.append(row("  from", "partition \(finding.partition), all before offset \(finding.nextOffset)\(others)"))
    case .checkpoint:
      lines.append(
        row(
          "  from",
          "the checkpoint of partition \(finding.partition), all before offset \(finding.nextOffset), as no worker has answered within 2s; "
            + "rows may be newer"))
    }
    lines.append(row("  stream time", Self.time(finding.streamTime) + age(finding.streamTime)))
    lines.append(row("  watermark", Self.time(finding.watermark)))
    lines.append(row("  last event of the key", Self.time(finding.lastEvent)))
    if let start = finding.windowStart, let end = finding.windowEnd {
      lines.append(row("  window", "[\(Self.time(start)), \(Self.time(end))), the next of this key to close"))
    }
    lines += describeParts(finding)
    lines.append(row("  next", next(finding)))
    return (lines + describeStored(finding)).joined(separator: "\n")
  }

  private func row(_ label: String, _ text: String) -> String {
    label + String(repeating: " ", count: max(28 - label.count, 2)) + text
  }

  private static func time(_ milliseconds: Int64) -> String {
    milliseconds == .min ? "none yet" : TimeText.rfc3339(milliseconds)
  }

  private func age(_ time: Int64) -> String {
    time == .min ? "" : ", \(Self.span(askedAt - time)) \(time <= askedAt ? "ago" : "ahead of the clock")"
  }

  private static func span(_ milliseconds: Int64) -> String {
    let milliseconds = abs(milliseconds)
    switch milliseconds {
    case ..<10_000: return "\(milliseconds) ms"
    case ..<600_000: return "\(milliseconds / 1000) s"
    case ..<172_800_000: return "\(milliseconds / 60_000) min"
    default: return "\(milliseconds / 86_400_000) days"
    }
  }

  private static let shownPartCount = 40

  private func describeParts(_ finding: InquiryAnswer.Finding) -> [String] {
    guard !finding.parts.isEmpty else { return [row("  made of", "nothing: no record is in the window")] }
    var lines = ["  made of"]
    let shown = finding.parts.suffix(Self.shownPartCount)
    if shown.count < finding.parts.count { lines.append("    ... \(finding.parts.count - shown.count) older ones") }
    for part in shown {
      let window = part.start.map { "[\(Self.time($0)), \(Self.time(part.end ?? $0)))" } ?? "everything"
      lines.append("    \(window)  \(part.value)\(part.counts ? "" : "  (not in the value)")")
    }
    return lines
  }

  /// When the value changes by itself.
  private func next(_ finding: InquiryAnswer.Finding) -> String {
    guard let next = finding.nextChange else { return "changes with the next record only" }
    let at = "at stream time \(Self.time(next))"
    if finding.windowStart != nil { return "the window closes \(at)" }
    guard let oldest = finding.parts.first(where: \.counts), let start = oldest.start, let end = oldest.end else {
      return "the value is forgotten \(at), where no record of the key comes before"
    }
    return "\(at) [\(Self.time(start)), \(Self.time(end))) leaves it"
  }

  private func describeStored(_ finding: InquiryAnswer.Finding?) -> [String] {
    guard let stored else {
      guard case .feast(let project)? = pipeline.sink?.layout else { return [] }
      return [row("  in Redis", "as Feast reads it ('layout: feast', project '\(project)'), which is not shown here")]
    }
    guard !stored.fields.isEmpty else { return [row("  in Redis", "\(stored.key) is not there")] }
    var parts = ["\(stored.key): \(stored.fields[inquiry.feature] ?? "null")"]
    if let asOf = stored.fields["_as_of"].flatMap({ Int64($0) }) { parts.append("as of \(Self.time(asOf))") }
    if let position = stored.fields["_position"]?.split(separator: ":"), position.count == 2 {
      parts.append("with partition \(position[0]) before offset \(position[1])")
    }
    if let written = stored.fields["_written_at"].flatMap({ Int64($0) }) {
      parts.append("written \(Self.span(askedAt - written)) ago")
    }
    if let expires = stored.expiresIn { parts.append("expires in \(Self.span(expires))") }
    return [row("  in Redis", parts.joined(separator: ", "))]
  }

  // MARK: - JSON

  private struct Document: Encodable {
    var view: String
    var feature: String
    var key: String?
    /// `worker`, `checkpoint`, or nil where nothing was found.
    var origin: String?
    var finding: InquiryAnswer.Finding?
    var redis: [String: String]?
  }

  var json: String {
    get throws {
      let from: String? =
        switch origin {
        case .worker: "worker"
        case .checkpoint: "checkpoint"
        case nil: nil
        }
      let document = Document(
        view: inquiry.view, feature: inquiry.feature, key: inquiry.key, origin: from, finding: finding, redis: stored?.fields)
      return try JSONDocument.text(of: document)
    }
  }
}
