// A strict reader of Prometheus' text format 0.0.4, for tests: every line must be understood, every sample belong to the family before it, every
// histogram add up.

import Foundation

public struct MetricsCheck {
  /// By name and labels as they stand: `freshet_process_records_total`, `x_bucket{le="0.5"}`.
  public private(set) var samples: [String: Double] = [:]
  /// By name.
  public private(set) var kinds: [String: String] = [:]
  /// What is wrong, with the number of the line.
  public private(set) var problems: [String] = []

  private var helped: Set<String> = []
  private var current = ""

  public init(_ text: String) {
    guard text.hasSuffix("\n") else {
      problems = ["the text does not end with a line's end"]
      return
    }
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().enumerated() {
      if let problem = take(line) { problems.append("line \(index + 1): \(problem): \(line)") }
    }
    for name in kinds.keys.sorted() where kinds[name] == "histogram" { checkHistogram(name) }
    for name in kinds.keys.sorted() where !helped.contains(name) { problems.append("\(name) has no HELP") }
  }

  private mutating func take(_ line: Substring) -> String? {
    if line.hasPrefix("# HELP ") {
      let words = line.dropFirst(7).split(separator: " ", maxSplits: 1)
      guard words.count == 2, isName(words[0]) else { return "not a HELP" }
      guard helped.insert(String(words[0])).inserted else { return "a second HELP" }
      current = String(words[0])
      return nil
    }
    if line.hasPrefix("# TYPE ") {
      let words = line.dropFirst(7).split(separator: " ", omittingEmptySubsequences: false)
      guard words.count == 2, ["counter", "gauge", "histogram"].contains(words[1]) else { return "not a TYPE" }
      guard words[0] == current, kinds[current] == nil else { return "a TYPE out of place" }
      kinds[current] = String(words[1])
      guard (words[1] == "counter") == current.hasSuffix("_total") else { return "counters, and they alone, end with _total" }
      return nil
    }
    return takeSample(line)
  }

  private mutating func takeSample(_ line: Substring) -> String? {
    guard let space = line.lastIndex(of: " "), let value = number(line[line.index(after: space)...]) else {
      return "no number at the end"
    }
    let series = line[..<space]
    let name = series.prefix { $0 != "{" }
    guard isName(name) else { return "not a name" }
    var base = String(name)
    if kinds[current] == "histogram" {
      guard let suffix = ["_bucket", "_sum", "_count"].first(where: { base == current + $0 }) else { return "not of its family" }
      base.removeLast(suffix.count)
    }
    guard base == current, let kind = kinds[current] else { return "not of its family" }
    if let problem = labelProblem(series.dropFirst(name.count)) { return problem }
    if kind == "counter", !(value >= 0) { return "a counter below 0" }
    guard samples.updateValue(value, forKey: String(series)) == nil else { return "twice" }
    return nil
  }

  private func labelProblem(_ text: Substring) -> String? {
    guard !text.isEmpty else { return nil }
    guard text.hasPrefix("{"), text.hasSuffix("}") else { return "braces" }
    var rest = text.dropFirst().dropLast()
    var names: Set<Substring> = []
    while !rest.isEmpty {
      guard let equals = rest.firstIndex(of: "=") else { return "a label without a value" }
      let name = rest[..<equals]
      guard isName(name), !name.contains(":"), names.insert(name).inserted else { return "a label's name" }
      rest = rest[rest.index(after: equals)...]
      guard rest.first == "\"" else { return "a label without quotes" }
      rest = rest.dropFirst()
      while let character = rest.first, character != "\"" {
        rest = rest.dropFirst()
        guard character == "\\" else { continue }
        guard let next = rest.first, "\\\"n".contains(next) else { return "an escape" }
        rest = rest.dropFirst()
      }
      guard rest.first == "\"" else { return "quotes that do not end" }
      rest = rest.dropFirst()
      if rest.first == "," { rest = rest.dropFirst() } else if !rest.isEmpty { return "labels without a comma" }
    }
    return nil
  }

  /// Per set of labels: `le` stands last, behind a histogram's own.
  private mutating func checkHistogram(_ name: String) {
    let start = "\(name)_bucket{"
    var histograms: [String: [(bound: Double, count: Double)]] = [:]
    for (key, value) in samples where key.hasPrefix(start) {
      guard let le = key.range(of: "le=\"", options: .backwards), let bound = number(key[le.upperBound...].dropLast(2)) else {
        return problems.append("\(name) has a bucket without an end")
      }
      histograms[String(key[start.endIndex..<le.lowerBound]), default: []].append((bound, value))
    }
    // One with labels may have nothing to say yet.
    if histograms.isEmpty, samples.keys.contains(where: { $0.hasPrefix("\(name)_count") || $0.hasPrefix("\(name)_sum") }) {
      return problems.append("\(name) has no bucket for the rest")
    }
    for (labels, unsorted) in histograms {
      let buckets = unsorted.sorted { $0.bound < $1.bound }
      guard let last = buckets.last, last.bound == .infinity else { return problems.append("\(name) has no bucket for the rest") }
      if zip(buckets, buckets.dropFirst()).contains(where: { $0.count > $1.count }) {
        problems.append("\(name): buckets that do not grow")
      }
      let own = labels.isEmpty ? "" : "{\(labels.dropLast())}"
      if samples["\(name)_count\(own)"] != last.count { problems.append("\(name): a count that is not its last bucket's") }
      if samples["\(name)_sum\(own)"] == nil { problems.append("\(name) has no sum") }
    }
  }

  private func number(_ text: Substring) -> Double? {
    switch text {
    case "+Inf": .infinity
    case "-Inf": -.infinity
    case "NaN": .nan
    default: text.contains { !"0123456789.e+-".contains($0) } ? nil : Double(text)
    }
  }

  private func isName(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy {
      ("a"..."z").contains(UnicodeScalar($0)) || ("A"..."Z").contains(UnicodeScalar($0)) || (0x30...0x39).contains($0) || $0 == 0x5f
        || $0 == 0x3a
    }
  }
}
