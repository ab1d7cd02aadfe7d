// Metrics in Prometheus' text format, version 0.0.4: families one after the other, each with its HELP and TYPE, then its samples. The names are
// the program's own, so a wrong one is a programmer's error.
// https://prometheus.io/docs/instrumenting/exposition_formats/

import Measuring

public struct MetricsText {
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  public enum Kind: String {
    case counter, gauge, histogram
  }

  public private(set) var text = ""
  private var families: Set<String> = []
  private var name = ""
  private var kind = Kind.gauge

  public init() {}

  /// Begins a family; the samples that follow are its own.
  ///
  /// - Parameters:
  ///   - name: In base units, which stand last: `freshet_process_lag_records`; that of a counter ends with `_total`.
  ///   - help: One sentence without a full stop.
  public mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    precondition(Self.isName(name), "\(name) is not a metric's name")
    precondition((kind == .counter) == name.hasSuffix("_total"), "\(name): counters end with _total, and nothing else does")
    precondition(families.insert(name).inserted, "\(name) is there twice")
    self.name = name
    self.kind = kind
    text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
  }

  public mutating func sample(_ value: Int64, _ labels: [(name: String, value: String)] = []) {
    precondition(kind != .histogram, "a histogram is written as a whole")
    line(name, labels, "\(value)")
  }

  @_disfavoredOverload
  public mutating func sample(_ value: Double, _ labels: [(name: String, value: String)] = []) {
    precondition(kind != .histogram, "a histogram is written as a whole")
    line(name, labels, Self.text(of: value))
  }

  /// Seconds of a time or a duration in ms, to the millisecond.
  public mutating func sample(milliseconds: Int64, _ labels: [(name: String, value: String)] = []) {
    line(name, labels, Self.seconds(milliseconds))
  }

  /// The upper ends of the buckets of durations, in ms, each included.
  static let durationBounds: [Int64] = [
    1, 2, 5, 10, 25, 50, 75, 100, 150, 250, 500, 750, 1000, 1500, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 3_600_000,
  ]

  /// A distribution of durations as buckets, in seconds, with sum and count. Near a bucket's end it is right within one percent of the duration.
  public mutating func histogram(_ distribution: DurationDistribution, _ labels: [(name: String, value: String)] = []) {
    precondition(kind == .histogram, "\(name) is no histogram")
    for bound in Self.durationBounds {
      // Durations stand for their buckets' middles, which may lie just above a bound that the duration itself keeps.
      let count = distribution.count(upTo: bound * 1_005_000)
      line("\(name)_bucket", labels + [("le", Self.seconds(bound))], "\(count)")
    }
    line("\(name)_bucket", labels + [("le", "+Inf")], "\(distribution.count)")
    line("\(name)_sum", labels, "\(Double(distribution.sumNanoseconds) / 1e9)")
    line("\(name)_count", labels, "\(distribution.count)")
  }

  /// The same for buckets of any bounds, in microseconds; `buckets` has one more, of what was longer.
  public mutating func histogram(
    boundsMicroseconds: [Int64], buckets: [Int64], sumMicroseconds: Int64, _ labels: [(name: String, value: String)] = []
  ) {
    precondition(kind == .histogram, "\(name) is no histogram")
    var count: Int64 = 0
    for (bound, bucket) in zip(boundsMicroseconds, buckets) {
      count += bucket
      line("\(name)_bucket", labels + [("le", "\(Double(bound) / 1e6)")], "\(count)")
    }
    count += buckets.last ?? 0
    line("\(name)_bucket", labels + [("le", "+Inf")], "\(count)")
    line("\(name)_sum", labels, "\(Double(sumMicroseconds) / 1e6)")
    line("\(name)_count", labels, "\(count)")
  }

  private mutating func line(_ name: String, _ labels: [(name: String, value: String)], _ value: String) {
    text += name
    if !labels.isEmpty {
      text += "{"
      for (index, label) in labels.enumerated() {
        precondition(Self.isName(label.name) && !label.name.contains(":"), "\(label.name) is not a label's name")
        text += "\(index > 0 ? "," : "")\(label.name)=\"\(Self.escaped(label.value, quotes: true))\""
      }
      text += "}"
    }
    text += " \(value)\n"
  }

  private static func seconds(_ milliseconds: Int64) -> String {
    // Exact, where a binary fraction would not be.
    let magnitude = milliseconds.magnitude
    var fraction = "\(magnitude % 1000 + 1000)".dropFirst()
    while fraction.last == "0" { fraction.removeLast() }
    return "\(milliseconds < 0 ? "-" : "")\(magnitude / 1000)\(fraction.isEmpty ? "" : ".\(fraction)")"
  }

  private static func text(of value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return "\(value)"
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      (0x61...0x7a).contains(byte) || (0x41...0x5a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5f || byte == 0x3a
    }
  }
}
