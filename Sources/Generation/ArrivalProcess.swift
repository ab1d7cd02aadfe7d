// When sessions begin: a Poisson process that can be entered anywhere. Event time is cut into blocks of a fixed length, counted from the
// epoch; each block draws its arrivals from a random stream of its own by exponential gaps, so block b is a function of (seed, b) and
// the blocks together are one Poisson process (it has no memory). A profile thins candidates drawn at its highest factor
// (Lewis and Shedler 1979).

import Base
import Schema

/// The factor on the arrivals at any time: profiles and incidents, multiplied.
struct ArrivalCurve: Sendable {
  /// A factor for a while; ns since the epoch, the end exclusive.
  struct Boost: Sendable {
    var start: Int64
    var end: Int64
    var factor: Double
  }

  private let profiles: [Profile]
  private let boosts: [Boost]
  /// The factor is never above this.
  let maximum: Double

  init(_ profiles: [Profile], boosts: [Boost] = []) {
    self.profiles = profiles
    self.boosts = boosts
    let peak = profiles.reduce(1) { $0 * ($1.points.map(\.factor).max() ?? 1) }
    maximum = boosts.reduce(peak) { $0 * max($1.factor, 1) }
  }

  /// Whether the factor is 1 at all times.
  var isFlat: Bool { profiles.isEmpty && boosts.isEmpty }

  func factor(atNanoseconds time: Int64) -> Double {
    let factor = profiles.reduce(1) { $0 * Self.factor($1, atNanoseconds: time) }
    return boosts.reduce(factor) { time >= $1.start && time < $1.end ? $0 * $1.factor : $0 }
  }

  /// Linear between the points, and from the last one to the first of the next period; or that of the last point.
  private static func factor(_ profile: Profile, atNanoseconds time: Int64) -> Double {
    let period = profile.periodMilliseconds * 1_000_000
    var at = time % period
    if at < 0 { at += period }
    let points = profile.points
    let next = points.firstIndex { $0.atMilliseconds * 1_000_000 > at }
    let left = next.map { $0 > 0 ? points[$0 - 1] : points[points.count - 1] } ?? points[points.count - 1]
    if profile.isStepped { return left.factor }
    let right = next.map { points[$0] } ?? points[0]
    var width = Double(right.atMilliseconds - left.atMilliseconds) * 1e6
    if width <= 0 { width += Double(period) }
    var distance = Double(at) - Double(left.atMilliseconds) * 1e6
    if distance < 0 { distance += Double(period) }
    return left.factor + (right.factor - left.factor) * (distance / width)
  }
}

/// The coming arrival, and the way to the one after it.
struct ArrivalProcess {
  /// Nanoseconds since the epoch; `Int64.max` when there is none before the end of representable time.
  private(set) var time: Int64 = .min
  /// The session that arrives: `index` counts the arrivals within its block.
  private(set) var block: Int64
  private(set) var index: UInt64 = 0

  private var random: Random
  /// Nanoseconds from the start of the block to the last candidate.
  private var position: Double = 0
  private let seed: UInt64
  private let blockNanoseconds: Int64
  /// Mean nanoseconds between candidates.
  private let meanGap: Double
  private let curve: ArrivalCurve?
  /// Times past this one are not worth representing.
  private static let latestTime: Int64 = 9_100_000_000_000_000_000

  /// Arrivals from `startNanoseconds` on, `perSecond` where the curve is 1.
  init(seed: UInt64, perSecond: Double, curve: ArrivalCurve, startNanoseconds: Int64) {
    self.seed = seed
    self.curve = curve.isFlat ? nil : curve
    meanGap = 1e9 / (perSecond * curve.maximum)
    // Blocks of about 256 candidates: long enough to make their start cheap, short enough to enter one quickly.
    blockNanoseconds = Int64(min(max(meanGap * 256, 1000), 1e15))
    block = floorDivide(startNanoseconds, blockNanoseconds)
    random = Random(seed: seed, UInt64(bitPattern: block), 0)
    drawCandidate()
    while time < startNanoseconds { advance() }
  }

  /// Goes on to the next arrival.
  @inline(__always)
  mutating func advance() {
    index &+= 1
    drawCandidate()
  }

  @inline(__always)
  private mutating func drawCandidate() {
    position += random.exponential() * meanGap
    if position >= Double(blockNanoseconds) || curve != nil { return drawSlowly() }
    time = block &* blockNanoseconds &+ Int64(position)
  }

  /// Enters the next block, or thins by the profile.
  @inline(never)
  private mutating func drawSlowly() {
    while true {
      while position >= Double(blockNanoseconds) {
        guard block < Self.latestTime / blockNanoseconds else {
          time = .max
          return
        }
        block += 1
        index = 0
        random = Random(seed: seed, UInt64(bitPattern: block), 0)
        position = random.exponential() * meanGap
      }
      time = block * blockNanoseconds + Int64(position)
      guard let curve else { return }
      if random.unit() * curve.maximum < curve.factor(atNanoseconds: time) { return }
      position += random.exponential() * meanGap
    }
  }
}
