// How large a generated value can become, estimated from above before anything is generated, so that no schema asks for records that fill
// the memory. Distributions without an end count to where they hardly ever reach.

enum GeneratedSize {
  /// The most bytes that one field may take.
  static let fieldMax = 8 << 20
  /// The most items of an array, a list or a map.
  static let itemMax = 10_000
  /// What a value of unknown size counts for.
  private static let unknown = 64

  /// An upper bound of the characters of a text; saturates.
  static func characters(of pieces: [TextPiece]) -> Int {
    pieces.reduce(0) { sum($0, characters(of: $1)) }
  }

  private static func characters(of piece: TextPiece) -> Int {
    switch piece {
    case .literal(let text): text.count
    case .characters(_, let count): count.upperBound
    case .value(let generator): bytes(of: generator)
    case .alternatives(let alternatives, _): alternatives.reduce(0) { max($0, characters(of: $1)) }
    case .repeated(let pieces, let count): product(count.upperBound, characters(of: pieces))
    }
  }

  /// An upper bound of the bytes of a value as JSON; saturates.
  static func bytes(of generator: FieldGenerator) -> Int {
    switch generator {
    case .const(let value): bytes(of: value)
    case .choice(let values, _): values.reduce(0) { max($0, bytes(of: $1)) }
    case .object(let fields): fields.reduce(2) { sum($0, $1.name.utf8.count + 4, bytes(of: $1.generator)) }
    case .array(let item, let count): sum(2, product(items(count), sum(1, bytes(of: item))))
    case .list(let items): items.reduce(2) { sum($0, 1, bytes(of: $1)) }
    case .map(let keys, let values, let count): sum(2, product(items(count), sum(4, bytes(of: keys), bytes(of: values))))
    case .oneOf(let options): options.reduce(0) { max($0, bytes(of: $1.generator)) }
    case .text(let pieces): sum(2, characters(of: pieces))
    default: unknown
    }
  }

  private static func bytes(of value: Scalar) -> Int {
    if case .string(let text) = value { return text.utf8.count + 2 }
    return 24
  }

  /// The largest count that a distribution gives in practice.
  static func items(_ count: Distribution) -> Int { Int(min(max(largest(count), 0), Double(itemMax)).rounded(.up)) }

  private static func largest(_ distribution: Distribution) -> Double {
    switch distribution {
    case .constant(let value): value
    case .uniform(_, let high): high
    case .uniformInteger(_, let high): Double(high)
    case .normal(let mean, let sd): mean + 5 * sd
    case .lognormal(let median, let sigma): median * 5 * (1 + sigma * sigma)
    case .exponential(let mean): 14 * mean
    case .pareto(let minimum, let alpha, let maximum): maximum ?? minimum * (1 + 100 / alpha)
    case .poisson(let mean): mean + 5 * mean.squareRoot() + 5
    case .zipf(_, let count): Double(count)
    case .histogram(let edges, _): edges.last ?? 0
    case .mixture(let components): components.reduce(0) { max($0, largest($1.distribution)) }
    }
  }

  private static func sum(_ values: Int...) -> Int {
    values.reduce(0) {
      let (sum, overflow) = $0.addingReportingOverflow($1); return overflow ? .max : sum
    }
  }

  private static func product(_ a: Int, _ b: Int) -> Int {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? .max : product
  }
}
