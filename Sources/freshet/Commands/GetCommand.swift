// `freshet get`: the features of a service from the shell, straight from Redis.

import ArgumentParser
import Base
import Features
import Foundation
import Serving

struct GetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get",
    abstract: "Look up the features of a service.",
    discussion: """
      Reads Redis as `freshet serve` does, and prints what it would answer. What the service needs is given by name: keys by the field of the \
      entity's key or the entity's name, `key` for the first entity, and inputs of views that are computed from requests.

        freshet get Pipelines/shop_features.yaml ranking userId=u1
        freshet get Pipelines/shop_features.yaml checkout userId=u1 amount=99.5 --explain

      With --lanes a service that has its features in several lanes shows what each lane costs: value, age, and the error against the lane rt.
      """)

  @Argument(help: "The pipeline, a YAML file.")
  var pipeline: String

  @Argument(help: "The service.")
  var service: String

  @Argument(help: "Keys and inputs, as name=value; a key may stand there several times.")
  var values: [String] = []

  @Option(help: "Where the rows are, in place of the pipeline's sink: redis://[user@]HOST:PORT[/DB] or redis+unix:///PATH.")
  var redis: String?

  @Flag(help: "Say where the time went, which keys of Redis were read, and what their rows say of themselves.")
  var explain = false

  @Flag(help: "A line per feature with its lanes side by side, how far each lies from the lane rt, and where the time went.")
  var lanes = false

  @Option(help: "text or json.")
  var output = InspectionOptions.Output.text

  func run() throws {
    let pairs = try values.map { text in
      guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
        throw Failure(.usage, "expected name=value, found '\(text)'")
      }
      return (name: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
    }
    let setup = try ServingSetup(pipelinePath: pipeline, redis: Arguments.option(redis, "redis", of: "get"))
    let answer = try FeatureInquiry(setup.plan, setup.reader()).answer(service: service, pairs: pairs)
    if output == .json { return try Terminal.print(toOutput: answer.json) }
    try Terminal.print(toOutput: lanes ? LaneComparison(answer.values).text + "\n" + Self.timing(answer) : table(answer))
    if explain { try Terminal.print(toOutput: explanation(answer)) }
  }

  private func table(_ answer: FeatureInquiry.Answer) -> String {
    let hasSeveralRows = Set(answer.values.map(\.row)).count > 1
    var lines = [(hasSeveralRows ? ["row"] : []) + ["feature", "value", "status", "age", "lane"]]
    for value in answer.values {
      lines.append(
        (hasSeveralRows ? [value.row] : [])
          + [value.feature, Self.short(value.value), value.status, Self.age(value.ageMilliseconds), value.lane])
    }
    return TextTable.aligned(lines)
  }

  private static func timing(_ answer: FeatureInquiry.Answer) -> String {
    let phases = answer.timing.map { "\($0.name.replacing("_us", with: "")) \($0.microseconds)" }
    return "answered in \(answer.timing.reduce(0) { $0 + $1.microseconds }) us: \(phases.joined(separator: ", "))"
  }

  private func explanation(_ answer: FeatureInquiry.Answer) -> String {
    var lines = ["", "time"]
    lines += answer.timing.map { "  \($0.name.replacing("_us", with: "")): \($0.microseconds) us" }
    lines += ["read"] + answer.keys.map { "  \($0.debugDescription.dropFirst().dropLast())" }
    let remarks = answer.values.filter { !$0.remarks.isEmpty }
    if !remarks.isEmpty { lines.append("rows") }
    var seen: Set<String> = []
    for value in remarks {
      let view = value.feature.split(separator: ".")[0]
      let line = "  \(value.row.isEmpty ? "" : "\(value.row) ")\(view): \(value.remarks.joined(separator: ", "))"
      if seen.insert(line).inserted { lines.append(line) }
    }
    return lines.joined(separator: "\n")
  }

  static func age(_ milliseconds: Int64?) -> String {
    guard let milliseconds else { return "-" }
    switch milliseconds {
    case ..<1000: return "\(milliseconds)ms"
    case ..<120_000: return "\(milliseconds / 1000)s"
    case ..<7_200_000: return "\(milliseconds / 60_000)m"
    case ..<172_800_000: return "\(milliseconds / 3_600_000)h"
    default: return "\(milliseconds / 86_400_000)d"
    }
  }

  static func short(_ text: String) -> String { text.count > 60 ? "\(text.prefix(57))..." : text }
}
