// When the next record of a load is due: evenly along the curve, or at random as a Poisson process with that rate, whose arrivals are those of
// one with rate 1 seen through the curve's inverse (Cinlar 1975).

import Base
import Schema

struct LoadClock {
  private(set) var curve: LoadCurve
  /// How many records came before the next one.
  private(set) var index: UInt64 = 0
  /// When the next record is due, in ns from the start; `Int64.max` when there is none.
  private(set) var elapsed: Int64 = 0
  /// Where the integral of the load stands then.
  private var position: Double
  private var random: Random
  /// When the curve begins, in ns from the start.
  private var base: Int64 = 0

  /// - Parameter seed: of the gaps, where they are random.
  init(_ curve: LoadCurve, seed: UInt64) {
    self.curve = curve
    random = Random(seed: seed, 0x6c6f_6164, 0)
    position = 0
    if curve.isRandom { position = random.exponential() }
    elapsed = Self.nanoseconds(curve.time(of: position))
  }

  @inline(__always)
  mutating func advance() {
    index &+= 1
    if let rate = curve.constantRate, !curve.isRandom {
      position += 1
      elapsed = later(position / rate)
    } else {
      advanceSlowly()
    }
  }

  @inline(never)
  private mutating func advanceSlowly() {
    position += curve.isRandom ? random.exponential() : 1
    elapsed = later(curve.time(of: position, near: Double(elapsed - base)))
  }

  /// Begins a constant rate with the next record, which is due when it was.
  mutating func changeRate(_ perSecond: Double) {
    guard elapsed < .max else { return }
    curve = LoadCurve(.constant(perSecond))
    base = elapsed
    position = 0
  }

  /// Records per second when the next one is due.
  var rate: Double { elapsed == .max ? 0 : curve.rate(at: Double(elapsed - base)) }

  private func later(_ nanoseconds: Double) -> Int64 {
    let value = Self.nanoseconds(nanoseconds)
    return value == .max ? .max : base + value
  }

  /// Whole nanoseconds; `Int64.max` for what lies beyond.
  @inline(__always)
  static func nanoseconds(_ value: Double) -> Int64 { value < 9.1e18 ? Int64(value + 0.5) : .max }
}
