// Exponential, logarithm and the normal distribution function from additions, multiplications and divisions alone, so that what is
// drawn from a seed is the same to the last bit on every machine (a C library picks its variant by processor). The first two follow
// fdlibm's e_exp.c and e_log.c (Sun Microsystems, 1993; error below 1 ulp), without their handling of subnormal results.

public enum FloatMath {
  /// `e` to the power `x`; 0 below -708, infinity above 709.
  @inlinable
  public static func exp(_ x: Double) -> Double {
    guard x > -708 else { return x.isNaN ? x : 0 }
    guard x < 709 else { return .infinity }
    // Adding and taking away 1.5 * 2^52 rounds to the nearest integer.
    let magic = 6_755_399_441_055_744.0
    let steps = (x * 1.44269504088896338700e+00 + magic) - magic
    let high = x - steps * 6.93147180369123816490e-01
    let low = steps * 1.90821492927058770002e-10
    let r = high - low
    let t = r * r
    let even = t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08)
    let c = r - t * (1.66666666666666019037e-01 + t * (-2.77777777770155933842e-03 + t * (6.61375632143793436117e-05 + even)))
    let mantissa = 1 - ((low - (r * c) / (2 - c)) - high)
    // The exponent field is moved by `steps`; the guards keep it within range.
    return Double(bitPattern: mantissa.bitPattern &+ UInt64(bitPattern: Int64(steps)) &<< 52)
  }

  /// The natural logarithm of a positive, normal `x`.
  @inlinable
  public static func log(_ x: Double) -> Double {
    guard x >= Double.leastNormalMagnitude, x < .infinity else { return x == 0 ? -.infinity : (x > 0 ? x : .nan) }
    // Splits x into 2^k * (1 + f) with 1 + f between sqrt(1/2) and sqrt(2).
    let offset: UInt64 = 0x3fe6_a09e_667f_3bcd
    let moved = x.bitPattern &- offset
    let k = Int64(bitPattern: moved) &>> 52
    let f = Double(bitPattern: x.bitPattern &- UInt64(bitPattern: k) &<< 52) - 1
    let s = f / (2 + f)
    let z = s * s
    let w = z * z
    let odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    let even =
      z
      * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)))
    let halfSquare = 0.5 * f * f
    let exponent = Double(k)
    return exponent * 6.93147180369123816490e-01
      - ((halfSquare - (s * (halfSquare + (odd + even)) + exponent * 1.90821492927058770002e-10)) - f)
  }

  /// `base` to the power `exponent` for a positive base; the relative error grows with the size of the result's logarithm.
  @inlinable
  public static func power(_ base: Double, _ exponent: Double) -> Double { exp(exponent * log(base)) }

  /// The probability that a standard normal variable is at most `x` (Abramowitz and Stegun 7.1.26; error below 1.5e-7).
  public static func normalDistribution(_ x: Double) -> Double {
    let z = abs(x) / 1.4142135623730951
    let t = 1 / (1 + 0.3275911 * z)
    let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    let tail = 0.5 * series * exp(-z * z)
    return x > 0 ? 1 - tail : tail
  }
}
