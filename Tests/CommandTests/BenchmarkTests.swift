// The benchmarks run, and print their ratios; what these are is for `make bench` to say.

import TestSupport
import Testing

@Suite struct BenchmarkTests {
  @Test func `every benchmark runs and prints its ratio`() throws {
    let outcome = try Program.run("freshet-bench", ["--tiny"], timeout: 300)
    #expect(outcome.status == 0, "\(outcome.errors)")
    for name in [
      "generate", "parse", "avro", "process", "sliding", "views", "measuring", "windows", "batch", "files", "kafka", "redis",
      "serve",
    ] {
      #expect(outcome.lines.contains { $0 == name })
    }
    #expect(outcome.lines.count { $0.contains("ratio to the C loop") && $0.contains("target at most") } >= 2)
    #expect(outcome.lines.count { $0.contains("of the bare loop's speed") && $0.contains("target 0.85 or more") } >= 3)
    #expect(outcome.lines.contains { $0.contains("of the bare write's speed") && $0.contains("target 0.85 or more") })
    #expect(outcome.lines.count { $0.contains("ratio to nothing measured") && $0.contains("target less than 1.03") } == 2)
    #expect(try Program.run("freshet-bench", ["nonsense"]).status == 64)
  }
}
