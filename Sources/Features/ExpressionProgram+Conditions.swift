// The operations that give truths.

import Records

extension ExpressionProgram {
  func run(condition operation: ExpressionOperation, _ rowCount: Int, into out: UnsafeMutablePointer<Truth>) {
    switch operation {
    case .constant(let truth): out.update(repeating: truth, count: rowCount)
    case .truth(let operand):
      let values = values(of: operand)
      for row in 0..<rowCount { out[row] = Self.truth(of: values[row]) }
    case .not(let operand):
      let source = truths(operand)
      for row in 0..<rowCount {
        let truth = source[row]
        out[row] = truth &<< 1 & Self.isFalse | truth &>> 1 & Self.isTrue | truth & ~3
      }
    case .and(let left, let right):
      let (left, right) = (truths(left), truths(right))
      for row in 0..<rowCount {
        let (both, either) = (left[row] & right[row], left[row] | right[row])
        let false_ = either & Self.isFalse
        // What is false is so whatever the other side is, so that side's reasons are dropped.
        out[row] = both & Self.isTrue | false_ | either & ~3 & (false_ &>> 1 &- 1)
      }
    case .or(let left, let right):
      let (left, right) = (truths(left), truths(right))
      for row in 0..<rowCount {
        let (both, either) = (left[row] & right[row], left[row] | right[row])
        let true_ = either & Self.isTrue
        out[row] = true_ | both & Self.isFalse | either & ~3 & (true_ &- 1)
      }
    case .equalsString(let operand, let literal):
      ValueComparison.equalsString(values(of: operand).start, rowCount, literals[literal], into: out)
    case .isNull(let operand):
      let values = values(of: operand)
      for row in 0..<rowCount { out[row] = values[row].isNull ? Self.isTrue : Self.isFalse }
    case .compare(let comparison, let left, let right):
      let (left, right) = (values(of: left), values(of: right))
      for row in 0..<rowCount { out[row] = ValueComparison.truth(of: comparison, left[row], right[row]) }
    case .isIn(let operand, let first, let count):
      let values = values(of: operand)
      let range = first..<first + count
      if range.allSatisfy({ literals[$0].kind == .string }) {
        let list = UnsafeBufferPointer(start: literals.start + first, count: count)
        for row in 0..<rowCount { out[row] = ValueComparison.truth(of: values[row], inStrings: list) }
      } else {
        for row in 0..<rowCount { out[row] = ValueComparison.truth(of: values[row], in: literals, range) }
      }
    case .like(let operand, let pattern):
      let values = values(of: operand)
      let pattern = patterns[pattern]
      for row in 0..<rowCount {
        let value = values[row]
        if value.kind == .string {
          out[row] = pattern.matches(value.bytes) ? Self.isTrue : Self.isFalse
        } else {
          out[row] = value.isNull ? Self.unknown(value.nullReasons) : Self.isMismatch
        }
      }
    case .value, .copy, .arithmetic, .negate, .choose, .dateTruncate, .call, .onDivisionByZero:
      preconditionFailure("this operation gives values")
    }
  }

  @inline(__always)
  static func unknown(_ reasons: NullReasons) -> Truth { reasons.rawValue &<< reasonShift }

  @inline(__always)
  static func truth(of value: ColumnValue) -> Truth {
    switch value.kind {
    case .bool: value.bits != 0 ? isTrue : isFalse
    case .missing, .null: unknown(value.nullReasons)
    default: isMismatch
    }
  }
}
