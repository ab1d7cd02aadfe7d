// A 64-bit pseudo-random generator whose whole state is one word, so that a million streams cost eight megabytes and a loop keeps it
// in a register: wyrand (Wang Yi, wyhash, public domain), which passes BigCrush and PractRand.
// Normal variables come from a ziggurat of 256 layers (Marsaglia and Tsang 2000; layout after Doornik 2005).

/// A deterministic stream of random numbers.
public struct Random: BitwiseCopyable, Sendable {
  public var state: UInt64

  @inlinable
  public init(state: UInt64) { self.state = state }

  /// The stream that belongs to (`seed`, `a`, `b`): unrelated to the streams of all other triples.
  @inlinable
  public init(seed: UInt64, _ a: UInt64, _ b: UInt64) { state = Hash.mix(Hash.mix(seed, a), b) }

  @inlinable
  public mutating func next() -> UInt64 {
    state &+= 0xa076_1d64_78bd_642f
    let product = state.multipliedFullWidth(by: state ^ 0xe703_7ed1_a0b4_28db)
    return product.high ^ product.low
  }

  /// Uniform in `0..<bound`, without bias (Lemire, "Fast Random Integer Generation in an Interval", 2019). `bound` must not be 0.
  @inlinable
  public mutating func below(_ bound: UInt64) -> UInt64 {
    var product = next().multipliedFullWidth(by: bound)
    if product.low < bound {
      let threshold = (0 &- bound) % bound
      while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
    }
    return product.high
  }

  /// Uniform in `range`, both ends included.
  @inlinable
  public mutating func integer(in range: ClosedRange<Int64>) -> Int64 {
    let width = UInt64(bitPattern: range.upperBound &- range.lowerBound)
    let draw = width == .max ? next() : below(width &+ 1)
    return range.lowerBound &+ Int64(bitPattern: draw)
  }

  /// Uniform in [0, 1): a multiple of 2^-53.
  @inlinable
  public mutating func unit() -> Double { Double(Int64(bitPattern: next() &>> 11)) * 0x1p-53 }

  /// Uniform in (0, 1]: safe to take the logarithm of.
  @inlinable
  public mutating func positiveUnit() -> Double { Double(Int64(bitPattern: (next() &>> 11) &+ 1)) * 0x1p-53 }

  /// Exponential with mean 1.
  @inlinable
  public mutating func exponential() -> Double { -FloatMath.log(positiveUnit()) }

  /// Standard normal.
  @inlinable
  public mutating func normal(_ table: NormalTable) -> Double {
    while true {
      let bits = next()
      let layer = Int(truncatingIfNeeded: bits & 255)
      let value = Double(Int64(bitPattern: bits) &>> 11) * 0x1p-52 * table.edges[layer]
      if abs(value) < table.edges[layer + 1] { return value }
      if let late = table.resolve(value, layer: layer, &self) { return late }
    }
  }

  /// Pareto: `minimum / u^(1 / alpha)`, both above 0. With a maximum by inverting what is left of the distribution below it.
  @inlinable
  public mutating func pareto(minimum: Double, alpha: Double, maximum: Double? = nil) -> Double {
    guard let maximum else { return minimum * FloatMath.power(positiveUnit(), -1 / alpha) }
    guard maximum > minimum else { return minimum }
    let cut = FloatMath.power(minimum / maximum, alpha)
    return minimum * FloatMath.power(1 - unit() * (1 - cut), -1 / alpha)
  }
}

/// The layers of the normal ziggurat; about 4 KiB, made once and held by whoever draws.
public struct NormalTable: BitwiseCopyable, @unchecked Sendable {
  /// Right edges of the layers, falling: `edges[0]` stands for the base layer with its tail, `edges[256]` is 0. Never written after
  /// `init`, never freed: there is one table in the process.
  @usableFromInline let edges: UnsafePointer<Double>
  /// The density at each edge.
  private let heights: UnsafePointer<Double>

  public static let shared = NormalTable()

  /// Where the tail begins, and the area of each layer, for 256 layers.
  private static let tailStart = 3.6541528853610088
  private static let layerArea = 0.00492867323399

  private init() {
    let edges = UnsafeMutablePointer<Double>.allocate(capacity: 257)
    let heights = UnsafeMutablePointer<Double>.allocate(capacity: 257)
    var density = FloatMath.exp(-0.5 * Self.tailStart * Self.tailStart)
    edges[0] = Self.layerArea / density
    edges[1] = Self.tailStart
    heights[0] = 0
    heights[1] = density
    for layer in 2..<256 {
      density += Self.layerArea / edges[layer - 1]
      edges[layer] = (-2 * FloatMath.log(density)).squareRoot()
      heights[layer] = density
    }
    edges[256] = 0
    heights[256] = 1
    self.edges = UnsafePointer(edges)
    self.heights = UnsafePointer(heights)
  }

  /// The rare case that the value lies outside the layer's inner part: the tail, or the wedge under the curve. Nil is a rejection.
  @usableFromInline
  @inline(never)
  func resolve(_ value: Double, layer: Int, _ random: inout Random) -> Double? {
    if layer == 0 {
      while true {
        let x = random.exponential() / Self.tailStart
        if 2 * random.exponential() > x * x { return value < 0 ? -Self.tailStart - x : Self.tailStart + x }
      }
    }
    let height = heights[layer] + random.unit() * (heights[layer + 1] - heights[layer])
    return height < FloatMath.exp(-0.5 * value * value) ? value : nil
  }
}
