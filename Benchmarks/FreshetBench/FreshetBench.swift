// `make bench`: how fast the hot paths are, as ratios to references that are measured in the same run, in turns with them. Figures are CPU
// time of the measuring thread, the least of several rounds, which is what a shared machine disturbs least.
// usage: freshet-bench [--tiny] [NAME ...]

import Base
import Foundation

/// One benchmark: a name to choose it by, and what it prints.
struct Benchmark: Sendable {
  var name: String
  var run: @Sendable (BenchmarkScale) throws -> Void
}

/// How much work a benchmark does.
struct BenchmarkScale {
  /// Small enough for a test that only wants to see it run.
  var isTiny: Bool
  /// `full` events, or a hundredth of them.
  func events(_ full: Int) -> Int { isTiny ? max(full / 100, 1000) : full }
  var rounds: Int { isTiny ? 1 : 5 }
}

@main
enum FreshetBench {
  static let all: [Benchmark] = [
    generateBenchmark, parseBenchmark, avroBenchmark, processBenchmark, slidingBenchmark, viewsBenchmark, measuringBenchmark,
    windowsBenchmark,
    deduplicationBenchmark, batchBenchmark, checkpointBenchmark, filesBenchmark, kafkaBenchmark, redisBenchmark,
    recentEventsBenchmark, serveBenchmark,
  ]

  static func main() throws {
    if try BrokerProcess.serveIfAsked() { return }
    var names = CommandLine.arguments.dropFirst().filter { !$0.hasPrefix("-") }
    let scale = BenchmarkScale(isTiny: CommandLine.arguments.contains("--tiny"))
    for name in names where !all.contains(where: { $0.name == name }) {
      FileHandle.standardError.write(
        Data("freshet-bench: no benchmark '\(name)'; there are \(all.map(\.name).joined(separator: ", "))\n".utf8))
      exit(ExitCode.usage.rawValue)
    }
    if names.isEmpty { names = all.map(\.name) }
    for benchmark in all where names.contains(benchmark.name) {
      print("\(benchmark.name)")
      try benchmark.run(scale)
      print("")
    }
  }
}
