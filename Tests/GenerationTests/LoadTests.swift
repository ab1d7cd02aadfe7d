// Loads: their integrals, the times of their records, and what they do to sessions and streams.

import Base
import Configuration
import Foundation
import Records
import Schema
import Testing

@testable import Generation

@Suite struct LoadTests {
  static let second = 1e9

  static func shape(_ text: String) throws -> LoadShape {
    let diagnostics = Diagnostics(file: "load")
    let shape = SchemaReader.readLoad(text: text, diagnostics: diagnostics)
    try diagnostics.throwIfErrors()
    return try #require(shape)
  }

  static let shapes = [
    "250/s", "{ ramp: { from: 10/s, to: 500/s, over: 20s } }", "{ ramp: { from: 500/s, to: 0/s, over: 20s } }",
    "{ step: { from: 50/s, by: 50/s, every: 3s, to: 300/s } }", "{ sine: { mean: 100/s, amplitude: 100/s, period: 7s } }",
    "{ burst: { base: 20/s, peak: 900/s, every: 5s, for: 1s } }", "{ spike: { base: 20/s, peak: 2k/s, at: 5s, for: 2s } }",
    "{ stages: [ { for: 2s, rate: 10/s }, { for: 3s, ramp: { from: 10/s, to: 400/s } }, { for: 1s, rate: 0/s } ], repeat: true }",
  ]

  /// The integral by small steps.
  private static func sum(_ curve: LoadCurve, to seconds: Double) -> Double {
    let step = 1e6
    var (sum, at) = (0.0, step / 2)
    while at < seconds * second {
      sum += curve.rate(at: at) * step / second
      at += step
    }
    return sum
  }

  @Test(arguments: shapes) func `the integral is that of the rate`(text: String) throws {
    let curve = LoadCurve(try Self.shape(text))
    for seconds in [1.0, 4.999, 12.5, 33.0] {
      let expected = Self.sum(curve, to: seconds)
      #expect(abs(curve.mass(at: seconds * Self.second) - expected) < 0.5 + expected / 1000, "\(seconds) s")
    }
  }

  @Test(arguments: shapes) func `a record is due where the integral reaches its number`(text: String) throws {
    var clock = LoadClock(LoadCurve(try Self.shape(text)), seed: 1)
    var last: Int64 = -1
    for number in 0..<2000 where clock.elapsed < .max {
      #expect(clock.elapsed >= last)
      last = clock.elapsed
      #expect(abs(clock.curve.mass(at: Double(clock.elapsed)) - Double(number)) < 1e-3, "record \(number)")
      clock.advance()
    }
  }

  @Test(arguments: [0.2, 1, 3, 999.5, 200_000, 500_000]) func `a rate is exact, slow or fast`(rate: Double) {
    var clock = LoadClock(LoadCurve(.constant(rate)), seed: 1)
    for number in 0..<5000 {
      #expect(abs(Double(clock.elapsed) - Double(number) * 1e9 / rate) <= 0.51)
      clock.advance()
    }
  }

  @Test func `random gaps are exponential and keep the rate`() throws {
    var clock = LoadClock(LoadCurve(try Self.shape("{ poisson: 1k/s }")), seed: 5)
    var counts = [Int](repeating: 0, count: 10)
    var last: Int64 = 0
    for _ in 0..<20_000 {
      let gap = Double(clock.elapsed - last) / 1e9 * 1000
      counts[min(9, Int(10 * (1 - exp(-gap))))] += 1
      last = clock.elapsed
      clock.advance()
    }
    #expect(Generating.excess(observed: counts, probabilities: counts.map { _ in 0.1 }) < 4)
    #expect(abs(Double(last) / 1e9 - 20) < 0.6)
  }

  /// Sums of pieces are rounded, and a mass at the edge of two must not fall between them.
  @Test(arguments: 0..<20 as Range<UInt64>) func `a repeated load never ends, whatever its pieces`(seed: UInt64) {
    var random = Random(state: seed)
    let segments = (0..<(2 + random.below(5))).map { index in
      LoadShape.Segment(
        lengthMilliseconds: 0.1 + 1000 * random.unit(),
        curve: .line(from: index == 1 ? 0 : random.unit() * 100, to: index == 1 ? 0 : random.unit() * 1000))
    }
    let curve = LoadCurve(LoadShape(segments: segments, isRepeated: true))
    let length = segments.reduce(0) { $0 + $1.lengthMilliseconds } * 1e6
    for turn in 1...300 {
      for segment in 0...segments.count {
        let edge = segments[..<segment].reduce(0) { $0 + $1.lengthMilliseconds } * 1e6
        let mass = curve.mass(at: Double(turn) * length + edge)
        for near in [mass.nextDown, mass, mass.nextUp] {
          let time = curve.time(of: near)
          #expect(time.isFinite && abs(curve.mass(at: time) - mass) < 1e-6 * mass, "turn \(turn), segment \(segment)")
        }
      }
    }
  }

  @Test func `an incident far away in a repeated load costs its records nothing`() {
    let second = LoadShape.Segment(lengthMilliseconds: 500, curve: .line(from: 10, to: 20))
    let day = 86_400e9
    let curve = LoadCurve(
      LoadShape(segments: [second, second], isRepeated: true), boosts: [.init(start: day, end: day + 1e9, factor: 3)])
    #expect(abs(curve.mass(at: day + 1e9) - curve.mass(at: day) - 45) < 1e-3)
    var clock = LoadClock(curve, seed: 1)
    for _ in 0..<20_000 { clock.advance() }
    #expect(abs(Double(clock.elapsed) - 20_000 / 15.0 * 1e9) < 0.5e9)
  }

  @Test func `a changed rate begins with the next record`() {
    var clock = LoadClock(LoadCurve(.constant(10)), seed: 1)
    for _ in 0..<5 { clock.advance() }
    clock.changeRate(1000)
    #expect(clock.elapsed == 500_000_000)
    clock.advance()
    #expect(clock.elapsed == 501_000_000)
  }

  @Test func `a flash crowd is a factor on the load`() throws {
    let boost = LoadCurve.Boost(start: 2e9, end: 3e9, factor: 8)
    for text in [
      "100/s", "{ ramp: { from: 100/s, to: 100/s, over: 5s } }", "{ stages: [ { for: 1s, rate: 100/s } ], repeat: true }",
    ] {
      let curve = LoadCurve(try Self.shape(text), boosts: [boost])
      #expect(abs(curve.mass(at: 2e9) - 200) < 1e-6)
      #expect(abs(curve.mass(at: 3e9) - 1000) < 1e-6)
      #expect(abs(curve.mass(at: 10e9) - 1700) < 1e-6)
    }
  }

  @Test func `sessions become as many as a load asks for`() throws {
    var schema = try Generating.clickstream()
    schema.load = try Self.shape("{ spike: { base: 100/s, peak: 5k/s, at: 5s, for: 3s } }")
    let batch = RecordBatch(slotCapacity: 512)
    let generator = Generator(try GenerationPlan(schema), GenerationSettings(startMilliseconds: Generating.start))
    var records = [Int](repeating: 0, count: 12)
    var live = [Int](repeating: 0, count: 12)
    for second in 0..<12 {
      while true {
        generator.fill(batch, maximumCount: 512, before: (Generating.start + Int64(second + 1) * 1000) * 1_000_000)
        records[second] += batch.count
        if batch.count == 0 { break }
      }
      live[second] = generator.liveSessionCount
    }
    #expect(records == [100, 100, 100, 100, 100, 5000, 5000, 5000, 100, 100, 100, 100])
    #expect(live[7] > 10 * live[4])
  }
}
