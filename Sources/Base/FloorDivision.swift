// Division that rounds down, also below zero, as times before 1970 need it.

/// `a / b` rounded towards negative infinity; `b > 0`.
@inlinable
public func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
  let quotient = a / b
  return a % b < 0 ? quotient - 1 : quotient
}

/// `a - floorDivide(a, b) * b`, which lies in `0..<b`; `b > 0`.
@inlinable
public func floorMod(_ a: Int64, _ b: Int64) -> Int64 {
  let remainder = a % b
  return remainder < 0 ? remainder + b : remainder
}
