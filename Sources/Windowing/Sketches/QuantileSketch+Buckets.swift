// From values to buckets and back: DDSketch's logarithm, by a cubic.
//
//   value x > 0 -> i = floor(multiplier * log2~(x)) -> bucket   zero + 1 + i      (i moved up to be not negative)
//         0     ->                                      zero
//         x < 0 -> i of -x                           -> zero - 1 - i              so buckets rise with their values

extension QuantileSketch {
  @inline(__always)
  func bucket(_ number: Double, level: Int) -> UInt64 {
    let magnitude = number.magnitude
    guard magnitude > 0 else { return Self.zeroBucket }
    let index = UInt64(Int((multiplier * Self.logarithm(magnitude)).rounded(.down)) + Self.bias) >> UInt64(level)
    return number > 0 ? Self.zeroBucket + 1 + index : Self.zeroBucket - 1 - index
  }

  /// The bucket of twice the width that holds this one.
  @inline(__always)
  static func coarser(_ bucket: UInt64) -> UInt64 {
    if bucket > zeroBucket { return zeroBucket + 1 + (bucket - zeroBucket - 1) >> 1 }
    if bucket < zeroBucket { return zeroBucket - 1 - (zeroBucket - 1 - bucket) >> 1 }
    return bucket
  }

  /// The value whose relative distance from both ends of a bucket is the same, and at most the error.
  func value(ofBucket bucket: UInt64, level: Int) -> Double {
    guard bucket != Self.zeroBucket else { return 0 }
    let isPositive = bucket > Self.zeroBucket
    let index = Int(isPositive ? bucket - Self.zeroBucket - 1 : Self.zeroBucket - 1 - bucket)
    let low = Self.power(Double(index << level - Self.bias) / multiplier)
    let high = Self.power(Double((index + 1) << level - Self.bias) / multiplier)
    let middle = low * (2 / (1 + low / high))
    return isPositive ? middle : -middle
  }

  /// Of a positive number to the base of 2, nearly: exact at powers of two, a cubic between them that climbs as evenly as a cubic can.
  @inline(__always)
  private static func logarithm(_ number: Double) -> Double {
    let isSubnormal = number < .leastNormalMagnitude
    let bits = (isSubnormal ? number * 0x1p54 : number).bitPattern
    let exponent = Double(Int(bits >> 52) - 1023 - (isSubnormal ? 54 : 0))
    let s = Double(bitPattern: bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000) - 1
    return exponent + ((6.0 / 35 * s - 3.0 / 5) * s + 10.0 / 7) * s
  }

  /// The inverse of `logarithm`, by Newton's method: the cubic is concave, so after one step it is approached from one side.
  private static func power(_ logarithm: Double) -> Double {
    let exponent = logarithm.rounded(.down)
    let target = logarithm - exponent
    var s = target
    for _ in 0..<8 {
      let excess = ((6.0 / 35 * s - 3.0 / 5) * s + 10.0 / 7) * s - target
      s -= excess / ((18.0 / 35 * s - 6.0 / 5) * s + 10.0 / 7)
    }
    // Inside the range of values, at whose ends rounding would lead out of it.
    let power = Double(sign: .plus, exponent: Int(exponent), significand: 1 + s)
    return min(max(power, .leastNonzeroMagnitude), .greatestFiniteMagnitude)
  }
}
