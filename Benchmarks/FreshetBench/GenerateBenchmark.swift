// Generation on one core to nothing: a flat 12-field click against the same click hard-coded in C, and the click stream with its sessions,
// entities and Markov chain. The schema of the flat click is read at run time, as any other.

import Base
import CReference
import Configuration
import Foundation
import Generation
import Records
import Schema

let generateBenchmark = Benchmark(name: "generate") { scale in
  let batchCount = 1024
  let count = scale.events(2_000_000) / batchCount * batchCount
  let start: Int64 = 1_767_268_800_000
  let flat = Generator(try GenerationPlan(flatSchema()), GenerationSettings(startMilliseconds: start))
  let stream = Generator(try GenerationPlan(clickStream()), GenerationSettings(startMilliseconds: start))
  let formats: [(name: String, format: RecordFormat)] = [("CSV", .csv), ("Avro", .avro), ("CloudEvents", .cloudevents)]
  let encoded = try formats.map { _, format in
    var schema = try clickStream()
    schema.outputs[0].format = format
    return Generator(try GenerationPlan(schema), GenerationSettings(startMilliseconds: start))
  }
  var faultySchema = try clickStream()
  faultySchema.faults = faults
  let faulty = Generator(try GenerationPlan(faultySchema), GenerationSettings(startMilliseconds: start))
  let logged = Generator(
    try GenerationPlan(faultySchema), GenerationSettings(startMilliseconds: start),
    truth: TruthSettings(schemaPath: "clickstream.yaml", programVersion: "bench"))
  let reference = creference_generator_new(42, start, 10_000)
  defer { creference_generator_free(reference) }
  let batch = RecordBatch(slotCapacity: batchCount, byteCapacity: batchCount * 512)
  var referenceBytes: UInt64 = 0
  var flatBytes = 0
  var streamBytes = 0
  // Until as many sessions live as will.
  for stream in [stream, faulty, logged] + encoded {
    while stream.nextTimeNanoseconds < (start + 120_000) * 1_000_000 { stream.fill(batch, maximumCount: batchCount, before: .max) }
  }
  var encodedBytes = [0, 0, 0]
  let least = try leastSeconds(
    rounds: scale.isTiny ? 1 : 15,
    [
      {
        referenceBytes = 0
        for _ in 0..<count / batchCount {
          referenceBytes += creference_generate_clicks(reference, batch.bytes.base, UInt32(batchCount))
        }
      }, { flatBytes = run(flat, batch, count) }, { streamBytes = run(stream, batch, count) },
      { encodedBytes[0] = run(encoded[0], batch, count) }, { encodedBytes[1] = run(encoded[1], batch, count) },
      { encodedBytes[2] = run(encoded[2], batch, count) }, { _ = run(faulty, batch, count) }, { _ = run(logged, batch, count) },
    ])
  printFigure("generate, flat 12-field click in C (\(Int(referenceBytes) / count) bytes)", seconds: least[0], events: count)
  printFigure("generate, the same from its schema (\(flatBytes / count) bytes)", seconds: least[1], events: count)
  printRatio("  ratio to the C loop", least[1] / least[0], target: "at most 1.40")
  printFigure("generate, click stream with sessions (\(streamBytes / count) bytes)", seconds: least[2], events: count)
  printRatio("  M events/s per core", Double(count) / least[2] / 1e6, target: "3 or more")
  printFigure("generate, click stream with faults in 8 of 100 records", seconds: least[6], events: count)
  printFigure("generate, the same, and the truth about it", seconds: least[7], events: count)
  for (index, format) in formats.enumerated() {
    printFigure(
      "generate, click stream in \(format.name) (\(encodedBytes[index] / count) bytes)", seconds: least[3 + index], events: count)
  }
}

/// Generates `count` events; gives their bytes.
private func run(_ generator: Generator, _ batch: RecordBatch, _ count: Int) -> Int {
  var byteCount = 0
  for _ in 0..<count / batch.slotCapacity {
    generator.fill(batch, maximumCount: batch.slotCapacity, before: .max)
    byteCount += batch.bytes.count
    generator.truth?.text.removeAll()
  }
  return byteCount
}

/// Late, copied, overtaken, dropped, damaged, of a wrong clock.
private let faults = FaultModel(
  late: .init(rate: 0.02, delay: .exponential(mean: 20_000), maximumMilliseconds: 600_000),
  duplicate: .init(rate: 0.005, delay: .exponential(mean: 1_000), maximumMilliseconds: 600_000),
  reorder: .init(rate: 0.05, delay: .uniform(0, 2_000), maximumMilliseconds: 2_000), dropRate: 0.001, corruptRate: 0.0001,
  skew: .init(rate: 0.01, offset: .normal(mean: 0, sd: 90_000)))

private func clickStream() throws -> EventSchema {
  let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  return try SchemaReader.load(path: root.appendingPathComponent("Schemas/clickstream.yaml").path)
}

private func flatSchema() throws -> EventSchema {
  let diagnostics = Diagnostics(file: "flat.yaml")
  let schema = SchemaReader.read(text: flatText, diagnostics: diagnostics)
  try diagnostics.throwIfErrors()
  return schema!
}

private let flatText = """
  version: 1
  kind: stream
  name: flat
  entities:
    user: { count: 1000000, key: id, fields: { id: { sequence: "u-{n:07}" } } }
  rate: 10k/s
  bind: { user: { ref: user, pick: { zipf: 1.1 } } }
  fields:
    event_id: { uuid: v4 }
    type: { const: click }
    ts: { time: event, format: rfc3339_ms }
    user_id: { from: user.id }
    session_id: { uuid: v7 }
    device: { choice: [ios, android, web], weights: [30, 40, 30] }
    country: { choice: [DE, FR, US, IN, BR], weights: [25, 20, 30, 15, 10] }
    page: { choice: [/home, /sale, /product, /cart, /search, /category, /checkout, /account], weights: [20, 10, 30, 8, 12, 12, 3, 5] }
    position: { int: [1, 48] }
    price: { lognormal: { median: 24, sigma: 0.8 }, clamp: [0.99, 2000], decimals: 2 }
    currency: { const: EUR }
    seq: { sequence: "{n}" }
  """
