import Configuration
import Testing

@testable import Features

private func read(_ state: String) -> (definition: PipelineDefinition?, findings: [String]) {
  let diagnostics = Diagnostics(file: "p.yaml")
  let definition = PipelineReader.read(
    text: """
      kind: pipeline
      name: p
      sources: { s: { event_time: { field: ts, format: epoch_ms } } }
      entities: { user: { key: u } }
      views:
        v: { entity: user, source: s, emit: { trigger: change }, features: { n: { agg: count, window: { sliding: 1h, hop: 1m } } } }
      state: \(state)
      """, diagnostics: diagnostics)
  return (definition, diagnostics.all.map(\.description))
}

@Suite struct `Bounds of state in a pipeline` {
  @Test func `are read, and stop where nothing else is said`() {
    #expect(
      read("{ max_keys: 5000000, max_memory: 2GiB, when_full: drop_new_keys }").definition?.stateBound
        == StateBound(keyCountMax: 5_000_000, byteCountMax: 2 << 30, whenFull: .dropNewKeys))
    #expect(read("{ max_keys: 1 }").definition?.stateBound == StateBound(keyCountMax: 1, byteCountMax: nil, whenFull: .stop))
  }

  @Test(arguments: [
    (
      "{ max_keys: 0 }",
      "p.yaml:7:20: error[wrong-value]: 'max_keys' of 'state': expected a whole number from 1 to 4000000000, found '0'"
    ),
    (
      "{ max_memory: 5 }",
      "p.yaml:7:22: error[wrong-unit]: 'max_memory' of 'state': expected a size like 64KiB, 128MiB or 1GiB, found '5'"
    ),
    ("{ max_memory: 5KiB }", "p.yaml:7:22: error[wrong-value]: 'max_memory' of 'state': expected at least 1MiB, found '5KiB'"),
    ("{ when_full: stop }", "p.yaml:7:8: error[missing-field]: missing field 'max_keys' in 'state', or 'max_memory'"),
    (
      "{ max_keys: 5, when_full: drop }",
      "p.yaml:7:34: error[wrong-value]: 'when_full' of 'state': expected stop or drop_new_keys, found 'drop'"
    ),
    (
      "{ max_keys: 5, maxmemory: 1GiB }",
      "p.yaml:7:23: error[unknown-field]: unknown field 'maxmemory' in 'state'; did you mean 'max_memory'?"
    ),
  ])
  func `are refused where they cannot be meant`(state: String, finding: String) {
    let result = read(state)
    #expect(result.findings == [finding])
    #expect(result.definition == nil)
  }
}
