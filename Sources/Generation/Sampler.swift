// A distribution made ready to draw from: flat, so that plans can hold it in their memory. The common shapes are drawn in place; those that
// need tables or loops are kept out of the hot code.

import Base
import Schema

struct Sampler: BitwiseCopyable {
  enum Shape: UInt8, BitwiseCopyable {
    /// `first`.
    case constant
    /// Low, width.
    case uniform
    /// Mean, sd.
    case normal
    /// Logarithm of the median, sigma.
    case lognormal
    /// Mean.
    case exponential
    /// Low; how many values, as bits; unit.
    case integer
    /// Minimum, alpha, maximum.
    case pareto
    /// Mean, unit.
    case poisson
    /// `table` is a `ZipfSampler`; unit.
    case zipf
    /// `table` is `count` bins of `(low, width)` behind `count` alias entries.
    case histogram
    /// `table` is `count` samplers behind `count` alias entries.
    case mixture
  }

  var shape: Shape
  /// Bins or parts.
  var count: UInt32 = 0
  var first: Double
  var second: Double = 0
  var third: Double = 0
  var table: UInt64 = 0

  @inline(__always)
  func draw(_ random: inout Random, _ normals: NormalTable) -> Double {
    switch shape {
    case .constant: first
    case .uniform: first + second * random.unit()
    case .normal: first + second * random.normal(normals)
    case .lognormal: FloatMath.exp(first + second * random.normal(normals))
    case .exponential: first * random.exponential()
    default: drawRare(&random, normals)
    }
  }

  /// A count of things: rounded, from 0 to `maximum`.
  func drawCount(_ random: inout Random, _ normals: NormalTable, maximum: Int) -> Int {
    Int(min(max(draw(&random, normals) + 0.5, 0), Double(maximum)))
  }

  @inline(never)
  private func drawRare(_ random: inout Random, _ normals: NormalTable) -> Double {
    switch shape {
    case .integer:
      let width = second.bitPattern
      return (first + Double(width == 0 ? random.next() : random.below(width))) * third
    case .pareto: return random.pareto(minimum: first, alpha: second, maximum: third.isFinite ? third : nil)
    case .poisson: return Double(random.poisson(mean: first)) * second
    case .zipf:
      guard let pointer = UnsafeRawPointer(bitPattern: UInt(table)) else { return first }
      return Unmanaged<ZipfSampler>.fromOpaque(pointer)._withUnsafeGuaranteedRef { Double($0.sample(&random) + 1) * first }
    case .histogram:
      let entries = self.entries
      let bins = UnsafeRawPointer(entries + Int(count)).assumingMemoryBound(to: Double.self)
      let bin = AliasTable.sample(entries, count: Int(count), &random)
      return bins[2 * bin] + bins[2 * bin + 1] * random.unit()
    case .mixture:
      let entries = self.entries
      let parts = UnsafeRawPointer(entries + Int(count)).assumingMemoryBound(to: Sampler.self)
      return parts[AliasTable.sample(entries, count: Int(count), &random)].draw(&random, normals)
    default: return first
    }
  }

  private var entries: UnsafePointer<AliasEntry> {
    UnsafeRawPointer(bitPattern: UInt(table)).unsafelyUnwrapped.assumingMemoryBound(to: AliasEntry.self)
  }
}

extension PlanMemory {
  /// A sampler for values of `unit` parts: 1e6 makes nanoseconds of milliseconds.
  func sampler(_ distribution: Distribution, unit: Double = 1) -> Sampler {
    switch distribution {
    case .constant(let value): return Sampler(shape: .constant, first: value * unit)
    case .uniform(let low, let high): return Sampler(shape: .uniform, first: low * unit, second: (high - low) * unit)
    case .uniformInteger(let low, let high):
      let width = UInt64(bitPattern: high &- low) &+ 1
      return Sampler(shape: .integer, first: Double(low), second: Double(bitPattern: width), third: unit)
    case .normal(let mean, let sd): return Sampler(shape: .normal, first: mean * unit, second: sd * unit)
    case .lognormal(let median, let sigma):
      // A median of 0 is the constant 0; a negative one has no logarithm.
      guard median > 0 else { return Sampler(shape: .constant, first: 0) }
      return Sampler(shape: .lognormal, first: FloatMath.log(median * unit), second: sigma)
    case .exponential(let mean): return Sampler(shape: .exponential, first: mean * unit)
    case .pareto(let minimum, let alpha, let maximum):
      return Sampler(shape: .pareto, first: minimum * unit, second: alpha, third: maximum.map { $0 * unit } ?? .infinity)
    case .poisson(let mean): return Sampler(shape: .poisson, first: mean, second: unit)
    case .zipf(let exponent, let count):
      return Sampler(shape: .zipf, first: unit, table: zipf(count: count, exponent: exponent))
    case .histogram(let edges, let weights):
      let bins = zip(edges, edges.dropFirst()).map { ($0 * unit, ($1 - $0) * unit) }
      return Sampler(shape: .histogram, count: UInt32(bins.count), first: 0, table: table(weights, bins))
    case .mixture(let parts):
      let samplers = parts.map { sampler($0.distribution, unit: unit) }
      return Sampler(shape: .mixture, count: UInt32(parts.count), first: 0, table: table(parts.map(\.weight), samplers))
    }
  }

  /// Alias entries for the weights, and as many elements behind them; gives the address of the entries.
  func table<Element: BitwiseCopyable>(_ weights: [Double], _ elements: [Element]) -> UInt64 {
    precondition(MemoryLayout<Element>.alignment <= 8 && weights.count == elements.count, "a table has an element for each weight")
    let block = allocate(byteCount: weights.count * (MemoryLayout<AliasEntry>.stride + MemoryLayout<Element>.stride))
    for (index, entry) in AliasTable.columns(weights).enumerated() {
      block.storeBytes(of: entry, toByteOffset: index * MemoryLayout<AliasEntry>.stride, as: AliasEntry.self)
    }
    let second = block + weights.count * MemoryLayout<AliasEntry>.stride
    for (index, element) in elements.enumerated() {
      second.storeBytes(of: element, toByteOffset: index * MemoryLayout<Element>.stride, as: Element.self)
    }
    return UInt64(UInt(bitPattern: block))
  }
}

extension Distribution {
  /// The mean; infinite where there is none.
  var mean: Double {
    switch self {
    case .constant(let value): return value
    case .uniform(let low, let high): return (low + high) / 2
    case .uniformInteger(let low, let high): return (Double(low) + Double(high)) / 2
    case .normal(let mean, _), .exponential(let mean), .poisson(let mean): return mean
    case .lognormal(let median, let sigma): return median * FloatMath.exp(sigma * sigma / 2)
    case .pareto(let minimum, let alpha, nil): return alpha > 1 ? alpha * minimum / (alpha - 1) : .infinity
    case .pareto(let minimum, let alpha, let maximum?):
      guard maximum > minimum else { return minimum }
      if alpha == 1 { return minimum * FloatMath.log(maximum / minimum) / (1 - minimum / maximum) }
      let cut = FloatMath.power(minimum / maximum, alpha)
      return alpha * minimum / (alpha - 1) * (1 - cut * maximum / minimum) / (1 - cut)
    case .zipf(let exponent, let count):
      // The sums by their integrals beyond the first thousand ranks.
      func sum(_ power: Double) -> Double {
        let head = min(count, 1000)
        let first = (1...head).reduce(0.0) { $0 + FloatMath.power(Double($1), power) }
        guard count > head else { return first }
        let (from, to) = (Double(head) + 0.5, Double(count) + 0.5)
        if power == -1 { return first + FloatMath.log(to / from) }
        return first + (FloatMath.power(to, power + 1) - FloatMath.power(from, power + 1)) / (power + 1)
      }
      return sum(1 - exponent) / sum(-exponent)
    case .histogram(let edges, let weights):
      let total = weights.reduce(0, +)
      return zip(weights, zip(edges, edges.dropFirst())).reduce(0) { $0 + $1.0 / total * ($1.1.0 + $1.1.1) / 2 }
    case .mixture(let parts):
      let total = parts.reduce(0) { $0 + $1.weight }
      return parts.reduce(0) { $0 + $1.weight / total * $1.distribution.mean }
    }
  }

  /// The probability of a value of at most `limit`.
  func probability(atMost limit: Double) -> Double {
    switch self {
    case .constant(let value): return value <= limit ? 1 : 0
    case .exponential(let mean): return limit <= 0 ? 0 : (mean > 0 ? 1 - FloatMath.exp(-limit / mean) : 1)
    case .uniform(let low, let high): return high > low ? min(max((limit - low) / (high - low), 0), 1) : (low <= limit ? 1 : 0)
    case .uniformInteger(let low, let high):
      return min(max((limit.rounded(.down) - Double(low) + 1) / (Double(high) - Double(low) + 1), 0), 1)
    case .normal(let mean, let sd): return sd > 0 ? FloatMath.normalDistribution((limit - mean) / sd) : (mean <= limit ? 1 : 0)
    case .lognormal(let median, let sigma):
      guard limit > 0, median > 0, sigma > 0 else { return median <= limit ? 1 : 0 }
      return FloatMath.normalDistribution((FloatMath.log(limit) - FloatMath.log(median)) / sigma)
    case .pareto(let minimum, let alpha, let maximum):
      guard limit > minimum else { return 0 }
      let whole = maximum.map { 1 - FloatMath.power(minimum / $0, alpha) } ?? 1
      return min((1 - FloatMath.power(minimum / limit, alpha)) / whole, 1)
    // By the normal approximation, which is enough for what asks.
    case .poisson(let mean): return mean > 0 ? FloatMath.normalDistribution((limit + 0.5 - mean) / mean.squareRoot()) : 1
    case .zipf(let exponent, let count):
      let whole = Distribution.zipfWeight(count, exponent)
      return limit < 1 ? 0 : min(Distribution.zipfWeight(min(count, Int(min(limit, 1e15))), exponent) / whole, 1)
    case .histogram(let edges, let weights):
      let total = weights.reduce(0, +)
      return zip(weights, zip(edges, edges.dropFirst())).reduce(0) {
        $0 + $1.0 / total * min(max((limit - $1.1.0) / ($1.1.1 - $1.1.0), 0), 1)
      }
    case .mixture(let parts):
      let total = parts.reduce(0) { $0 + $1.weight }
      return parts.reduce(0) { $0 + $1.weight / total * $1.distribution.probability(atMost: limit) }
    }
  }

  private static func zipfWeight(_ count: Int, _ exponent: Double) -> Double {
    let head = min(count, 1000)
    let first = (1...max(head, 1)).reduce(0.0) { $0 + FloatMath.power(Double($1), -exponent) }
    guard count > head else { return first }
    let (from, to) = (Double(head) + 0.5, Double(count) + 0.5)
    return first
      + (exponent == 1
        ? FloatMath.log(to / from) : (FloatMath.power(to, 1 - exponent) - FloatMath.power(from, 1 - exponent)) / (1 - exponent))
  }

  /// A count that is practically never exceeded, at most 10 000: for bounding the bytes of a record.
  var practicalMaximum: Int {
    let limit = 10_000.0
    let most: Double
    switch self {
    case .constant(let value): most = value
    case .uniform(_, let high): most = high
    case .uniformInteger(_, let high): most = Double(high)
    case .normal(let mean, let sd): most = mean + 8 * sd
    case .lognormal(let median, let sigma): most = median * FloatMath.exp(8 * sigma)
    case .exponential(let mean): most = 40 * mean
    case .pareto(_, _, let maximum): most = maximum ?? limit
    case .poisson(let mean): most = mean + 12 * mean.squareRoot() + 20
    case .zipf(_, let count): most = Double(count)
    case .histogram(let edges, _): most = edges.last ?? 0
    case .mixture(let parts): return parts.map(\.distribution.practicalMaximum).max() ?? 0
    }
    return Int(min(max(most.rounded(.up), 0), limit))
  }
}
