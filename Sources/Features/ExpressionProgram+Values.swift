// The operations that give values: loops over rows around what `ValueArithmetic`, `ValueText`, `ValueTime` and `ValueConversion` do with one
// row's values. An operand that is null makes the result null and hands on its reasons, but for `coalesce` and `choose`.

import Records

extension ExpressionProgram {
  func run(value operation: ExpressionOperation, _ rowCount: Int, into out: UnsafeMutablePointer<ColumnValue>) {
    switch operation {
    case .value(let truth):
      let source = truths(truth)
      for row in 0..<rowCount {
        out[row] =
          source[row] & 3 == 0
          ? .null(NullReasons(rawValue: source[row] &>> Self.reasonShift)) : ColumnValue(bool: source[row] & Self.isTrue != 0)
      }
    case .copy(let operand): map(operand, rowCount, into: out) { $0 }
    case .negate(let operand): map(operand, rowCount, into: out) { ValueArithmetic.negate($0) }
    case .arithmetic(let arithmetic, let left, let right):
      switch arithmetic {
      case .add: map(left, right, rowCount, into: out) { ValueArithmetic.add($0, $1) }
      case .subtract: map(left, right, rowCount, into: out) { ValueArithmetic.subtract($0, $1) }
      case .multiply: map(left, right, rowCount, into: out) { ValueArithmetic.multiply($0, $1) }
      case .divide: map(left, right, rowCount, into: out) { ValueArithmetic.divide($0, $1) }
      case .remainder: map(left, right, rowCount, into: out) { ValueArithmetic.remainder($0, $1) }
      }
    case .choose(let conditions, let values): choose(conditions, values, rowCount, into: out)
    case .dateTruncate(let unit, let operand): map(operand, rowCount, into: out) { ValueTime.truncate($0, to: unit) }
    case .call(let function, let arguments): call(function, arguments, rowCount, into: out)
    case .onDivisionByZero(let operand, let literal):
      let replacement = literals[literal]
      map(operand, rowCount, into: out) { $0.isNull && $0.nullReasons.contains(.divisionByZero) ? replacement : $0 }
    case .constant, .truth, .not, .and, .or, .isNull, .equalsString, .compare, .isIn, .like:
      preconditionFailure("this operation gives truths")
    }
  }

  // MARK: - Loops

  @inline(__always)
  private func map(
    _ operand: ValueOperand, _ rowCount: Int, into out: UnsafeMutablePointer<ColumnValue>, _ body: (ColumnValue) -> ColumnValue
  ) {
    let values = values(of: operand)
    for row in 0..<rowCount { out[row] = body(values[row]) }
  }

  @inline(__always)
  private func map(
    _ left: ValueOperand, _ right: ValueOperand, _ rowCount: Int, into out: UnsafeMutablePointer<ColumnValue>,
    _ body: (ColumnValue, ColumnValue) -> ColumnValue
  ) {
    let (left, right) = (values(of: left), values(of: right))
    for row in 0..<rowCount { out[row] = body(left[row], right[row]) }
  }

  @inline(__always)
  private func map(
    _ operands: [ValueOperand], _ rowCount: Int, into out: UnsafeMutablePointer<ColumnValue>,
    _ body: (ColumnValue, ColumnValue, ColumnValue) -> ColumnValue
  ) {
    let (first, second, third) = (values(of: operands[0]), values(of: operands[1]), values(of: operands[2]))
    for row in 0..<rowCount { out[row] = body(first[row], second[row], third[row]) }
  }

  /// From the last branch to the first, so that the first true one has the last word.
  private func choose(
    _ conditions: [Int], _ operands: [ValueOperand], _ rowCount: Int, into out: UnsafeMutablePointer<ColumnValue>
  ) {
    map(operands[conditions.count], rowCount, into: out) { $0 }
    for branch in conditions.indices.reversed() {
      let truths = truths(conditions[branch])
      let values = values(of: operands[branch])
      for row in 0..<rowCount where truths[row] & Self.isTrue != 0 { out[row] = values[row] }
    }
  }

  private func coalesce(_ operands: [ValueOperand], _ rowCount: Int, into out: UnsafeMutablePointer<ColumnValue>) {
    map(operands[0], rowCount, into: out) { $0 }
    for operand in operands.dropFirst() {
      let values = values(of: operand)
      for row in 0..<rowCount where out[row].isNull {
        out[row] = values[row].isNull ? Self.null(out[row], values[row]) : values[row]
      }
    }
  }

  private func extreme(
    _ operands: [ValueOperand], _ rowCount: Int, into out: UnsafeMutablePointer<ColumnValue>,
    replacesAt order: ValueComparison.Order
  ) {
    map(operands[0], rowCount, into: out) { value in
      switch value.kind {
      case .integer, .double, .string: value
      case .missing, .null: .null(value.nullReasons)
      default: .null(.mismatch)
      }
    }
    for operand in operands.dropFirst() {
      let values = values(of: operand)
      for row in 0..<rowCount {
        let (best, next) = (out[row], values[row])
        if best.isNull || next.isNull {
          out[row] = Self.null(best, next)
          continue
        }
        switch ValueComparison.order(next, best, isEquality: false) {
        case .mismatch: out[row] = .null(.mismatch)
        case order: out[row] = next
        default: break
        }
      }
    }
  }

  private func concatenate(_ operands: [ValueOperand], _ rowCount: Int, into out: UnsafeMutablePointer<ColumnValue>) {
    let sources = operands.map { values(of: $0) }
    let text = text
    sources.withUnsafeBufferPointer { sources in
      for row in 0..<rowCount { out[row] = ValueText.concatenate(sources, row, text) }
    }
  }

  /// Null, for the reasons of both sides where they are null.
  @inline(__always)
  static func null(_ left: ColumnValue, _ right: ColumnValue) -> ColumnValue {
    .null((left.isNull ? left.nullReasons : []).union(right.isNull ? right.nullReasons : []))
  }

  // MARK: - Functions

  private func call(
    _ function: ExpressionFunction, _ a: [ValueOperand], _ n: Int, into out: UnsafeMutablePointer<ColumnValue>
  ) {
    let text = text
    switch function {
    case .abs: map(a[0], n, into: out) { ValueArithmetic.absolute($0) }
    case .ceil: map(a[0], n, into: out) { ValueArithmetic.rounded($0, .up) }
    case .floor: map(a[0], n, into: out) { ValueArithmetic.rounded($0, .down) }
    case .round:
      if a.count == 1 {
        map(a[0], n, into: out) { ValueArithmetic.rounded($0, .toNearestOrAwayFromZero) }
      } else {
        map(a[0], a[1], n, into: out) { ValueArithmetic.rounded($0, digits: $1) }
      }
    case .sign: map(a[0], n, into: out) { ValueArithmetic.sign($0) }
    case .sqrt: map(a[0], n, into: out) { ValueArithmetic.squareRoot($0) }
    case .exp: map(a[0], n, into: out) { ValueArithmetic.exponential($0) }
    case .ln: map(a[0], n, into: out) { ValueArithmetic.logarithm($0) }
    case .log10: map(a[0], n, into: out) { ValueArithmetic.decimalLogarithm($0) }
    case .pow: map(a[0], a[1], n, into: out) { ValueArithmetic.power($0, $1) }
    case .div: map(a[0], a[1], n, into: out) { ValueArithmetic.quotient($0, $1) }
    case .coalesce: coalesce(a, n, into: out)
    case .least: extreme(a, n, into: out, replacesAt: .less)
    case .greatest: extreme(a, n, into: out, replacesAt: .greater)
    case .length: map(a[0], n, into: out) { ValueText.length($0) }
    case .lower: map(a[0], n, into: out) { ValueText.lowercased($0, text) }
    case .upper: map(a[0], n, into: out) { ValueText.uppercased($0, text) }
    case .trim: map(a[0], n, into: out) { ValueText.trimmed($0, atStart: true, atEnd: true) }
    case .ltrim: map(a[0], n, into: out) { ValueText.trimmed($0, atStart: true, atEnd: false) }
    case .rtrim: map(a[0], n, into: out) { ValueText.trimmed($0, atStart: false, atEnd: true) }
    case .substring:
      if a.count == 2 {
        map(a[0], a[1], n, into: out) { ValueText.substring($0, $1, ColumnValue(integer: .max)) }
      } else {
        map(a, n, into: out) { ValueText.substring($0, $1, $2) }
      }
    case .left: map(a[0], a[1], n, into: out) { ValueText.substring($0, ColumnValue(integer: 1), $1) }
    case .right: map(a[0], a[1], n, into: out) { ValueText.right($0, $1) }
    case .position: map(a[0], a[1], n, into: out) { ValueText.position($0, $1) }
    case .contains: map(a[0], a[1], n, into: out) { ValueText.contains($0, $1) }
    case .startsWith: map(a[0], a[1], n, into: out) { ValueText.starts($0, with: $1) }
    case .endsWith: map(a[0], a[1], n, into: out) { ValueText.ends($0, with: $1) }
    case .concat: concatenate(a, n, into: out)
    case .replace: map(a, n, into: out) { ValueText.replace($0, $1, by: $2, text) }
    case .splitPart: map(a, n, into: out) { ValueText.splitPart($0, $1, $2) }
    case .hash: map(a[0], n, into: out) { ValueText.hash($0) }
    case .second, .minute, .hour, .dayOfWeek, .dayOfMonth, .dayOfYear, .month, .year:
      map(a[0], n, into: out) { ValueTime.part(function, of: $0) }
    case .toTimestamp: map(a[0], n, into: out) { ValueTime.withTime($0) { ColumnValue(integer: $0) } }
    case .rfc3339: map(a[0], n, into: out) { ValueTime.text($0, text) }
    case .int: map(a[0], n, into: out) { ValueConversion.integer($0) }
    case .double: map(a[0], n, into: out) { ValueConversion.double($0) }
    case .string: map(a[0], n, into: out) { ValueConversion.string($0, text) }
    case .bool: map(a[0], n, into: out) { ValueConversion.bool($0) }
    }
  }
}
