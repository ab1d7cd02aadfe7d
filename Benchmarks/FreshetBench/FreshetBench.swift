// `make bench`: how fast the hot paths are, as ratios to references that are measured in the same run, in turns with them. Figures are CPU
// time of the measuring thread, the least of several rounds, which is what a shared machine disturbs least.

import ArgumentParser
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
  var rounds: Int
}

@main
struct FreshetBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "freshet-bench", abstract: "Measure how fast the hot paths are, as ratios to references.")

  private static let all: [Benchmark] = [
    generateBenchmark, parseBenchmark, avroBenchmark, processBenchmark, slidingBenchmark, viewsBenchmark, measuringBenchmark,
    windowsBenchmark,
    deduplicationBenchmark, batchBenchmark, checkpointBenchmark, filesBenchmark, kafkaBenchmark, redisBenchmark,
    recentEventsBenchmark, serveBenchmark,
  ]

  @Argument(
    help: "Of \(all.map(\.name).joined(separator: ", ")); all of them where none is named.",
    transform: { name in
      guard let benchmark = all.first(where: { $0.name == name }) else {
        throw ValidationError("no benchmark '\(name)'; there are \(all.map(\.name).joined(separator: ", "))")
      }
      return benchmark
    })
  var names: [Benchmark] = []

  @Flag(help: "Do little, to see that all of it runs.")
  var tiny = false

  @Option(help: "How often each is measured, at least.")
  var rounds: Int?

  static func main() throws {
    if try !BrokerProcess.serveIfAsked() { main(nil) }
  }

  func validate() throws {
    if let rounds, rounds < 1 { throw ValidationError("--rounds: expected 1 or more, found \(rounds)") }
  }

  func run() throws {
    let scale = BenchmarkScale(isTiny: tiny, rounds: rounds ?? (tiny ? 1 : 5))
    for benchmark in names.isEmpty ? Self.all : names {
      print("\(benchmark.name)")
      try benchmark.run(scale)
      print("")
    }
  }
}
