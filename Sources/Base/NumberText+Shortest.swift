// The shortest decimal that reads back as the same double. Two decimals of up to 15 digits never share a double, so one rounded product finds
// such a decimal if there is one; else 16 and then 17 digits are rounded and checked exactly in 128-bit integers. Exponents and the
// very large or small are left to Swift's own description, which makes a String.

extension NumberText {
  /// Writes a finite `value` as Swift describes it (`0.1`, `5.0`, `1e+30`), which is valid JSON; returns the byte count, at most 24.
  public static func writeShortest(_ value: Double, to out: UnsafeMutablePointer<UInt8>) -> Int {
    precondition(value.isFinite, "only a finite number has a decimal")
    let magnitude = value.magnitude
    guard magnitude >= 1e-2, magnitude < 1e15, let found = shortest(magnitude) else { return writeDescription(value, to: out) }
    var digits = found.digits
    var decimals = found.decimals
    while decimals >= 4 && digits % 10_000 == 0 {
      digits /= 10_000
      decimals -= 4
    }
    while decimals >= 1 && digits % 10 == 0 {
      digits /= 10
      decimals -= 1
    }
    var count = writeFixed(value < 0 ? -digits : digits, decimals: decimals, to: out)
    if decimals == 0 {
      out[count] = UInt8(ascii: ".")
      out[count + 1] = UInt8(ascii: "0")
      count += 2
    }
    return count
  }

  /// `digits / 10^decimals` for a value in `1e-2..<1e15`, with trailing zeros; nil for a power of two that has more than 15 digits, because its
  /// neighbour below is nearer than the one above.
  private static func shortest(_ value: Double) -> (digits: Int64, decimals: Int)? {
    // How many digits stand before the point: at most 0 below 0.1.
    var whole = -1
    var bound = 0.1
    while value >= bound {
      bound *= 10
      whole += 1
    }
    let decimals = 15 - whole
    let power = Double(powersOfTen[decimals])
    let scaled = (value * power).rounded()
    if scaled / power == value { return (Int64(scaled), decimals) }
    let significand = UInt128(value.significandBitPattern | 1 << 52)
    guard value.significandBitPattern != 0 else { return nil }
    let shift = 52 - Int(value.exponent)
    for decimals in [16 - whole, 17 - whole] {
      let power = UInt128(powersOfTen[decimals])
      // At most 53 + 60 bits.
      let exact = significand * power
      let floor = exact >> UInt128(shift)
      let rest = exact - (floor << UInt128(shift))
      let half = UInt128(1) << UInt128(shift - 1)
      let roundsUp = rest > half || (rest == half && floor & 1 == 1)
      let error = roundsUp ? (UInt128(1) << UInt128(shift)) - rest : rest
      // Half the distance to the next double is half a unit of the significand.
      if 2 * error < power { return (Int64(floor) + (roundsUp ? 1 : 0), decimals) }
    }
    return nil
  }

  /// 10^0 to 10^18: all that a decimal of 17 digits from 0.01 on needs. Those used as doubles, up to 10^16, are exact.
  private static let powersOfTen: [UInt64] = (0..<18).reduce(into: [1]) { powers, _ in powers.append(powers[powers.count - 1] * 10)
  }

  private static func writeDescription(_ value: Double, to out: UnsafeMutablePointer<UInt8>) -> Int {
    var text = value.description
    return text.withUTF8 { utf8 in
      out.update(from: utf8.baseAddress!, count: utf8.count)
      return utf8.count
    }
  }
}
