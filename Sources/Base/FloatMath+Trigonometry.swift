// Sine and cosine from the same few operations as the rest of `FloatMath`: the argument is brought near 0 by multiples of a quarter turn (Cody
// and Waite), then fdlibm's polynomials k_sin.c and k_cos.c (Sun Microsystems, 1993) are evaluated.

extension FloatMath {
  /// The sine of `x` in radians, for |x| up to a million; error below 2 ulp away from the zeros.
  public static func sin(_ x: Double) -> Double {
    let (turns, rest) = quarterTurns(x)
    switch turns & 3 {
    case 0: return sine(rest)
    case 1: return cosine(rest)
    case 2: return -sine(rest)
    default: return -cosine(rest)
    }
  }

  /// The cosine of `x` in radians, in the same range.
  public static func cos(_ x: Double) -> Double {
    let (turns, rest) = quarterTurns(x)
    switch turns & 3 {
    case 0: return cosine(rest)
    case 1: return -sine(rest)
    case 2: return -cosine(rest)
    default: return sine(rest)
    }
  }

  /// The nearest multiple of a quarter turn, and what is left, at most about pi/4.
  private static func quarterTurns(_ x: Double) -> (turns: Int, rest: Double) {
    guard abs(x) <= 1e6 else { return (0, 0) }
    let turns = (x * 6.36619772367581382433e-01).rounded()
    // Pi/2 in three parts of 33 bits: the products are exact.
    let first = x - turns * 1.57079632673412561417e+00
    let second = first - turns * 6.07710050630396597660e-11
    return (Int(turns), second - turns * 2.02226624879595063154e-21)
  }

  private static func sine(_ x: Double) -> Double {
    let z = x * x
    let high = 2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
    let r = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * high)
    return x + z * x * (-1.66666666666666324348e-01 + z * r)
  }

  private static func cosine(_ x: Double) -> Double {
    let z = x * x
    let high = -2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)
    let middle = -1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * high)
    let r = z * (4.16666666666666019037e-02 + z * middle)
    let half = 0.5 * z
    let w = 1 - half
    return w + ((1 - w - half) + z * r)
  }
}
