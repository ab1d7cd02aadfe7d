// A load made ready to run: the rate over time, its integral, and the inverse of that, which says when record `j` is due. A curve is a list of
// pieces, each with a closed form: lines, of which the inverse is a square root, and sines, whose integral is inverted by Newton's method
// within bounds. Pieces of a repeated load come again in a cycle.

import Base
import Schema

struct LoadCurve: Sendable {
  /// A factor on the load for a while.
  struct Boost: Sendable, Equatable {
    /// Nanoseconds from the start; the end is exclusive and may be infinite.
    var start: Double
    var end: Double
    var factor: Double
  }

  private struct Piece: Sendable {
    /// Nanoseconds from the start of the load, or of the cycle.
    var start: Double
    var length: Double
    var curve: LoadShape.Curve
    /// The whole segment's, from which the piece may be cut.
    var segmentLength: Double
    /// How far into its segment the piece begins, in ns.
    var phase: Double
    var factor: Double
    /// Records before the piece, and in it.
    var massBefore: Double = 0
    var mass: Double = 0

    var end: Double { start + length }

    /// Of a line: per second and ns, over the whole of its segment.
    var slope: Double {
      guard case .line(let from, let to) = curve, from != to else { return 0 }
      return (to - from) / segmentLength
    }
  }

  private var head: [Piece]
  private var cycle: [Piece]
  private let headMass: Double
  private let cycleMass: Double
  private let headLength: Double
  private let cycleLength: Double
  let isRandom: Bool
  /// Records per nanosecond, where it is the same for ever.
  let constantRate: Double?

  init(_ shape: LoadShape, boosts: [Boost] = []) {
    isRandom = shape.isRandom
    var pieces: [Piece] = []
    var start = 0.0
    for segment in shape.segments {
      let length = segment.lengthMilliseconds * 1e6
      pieces.append(Piece(start: start, length: length, curve: segment.curve, segmentLength: length, phase: 0, factor: 1))
      start += segment.lengthMilliseconds * 1e6
    }
    if !shape.isRepeated, start < .infinity {
      // The last rate goes on; a sine goes on as it is.
      if case .line(_, let to) = pieces[pieces.count - 1].curve {
        pieces.append(
          Piece(
            start: start, length: .infinity, curve: .line(from: to, to: to), segmentLength: .infinity, phase: 0, factor: 1))
      } else {
        pieces[pieces.count - 1].length = .infinity
      }
    }
    (head, cycle) = shape.isRepeated ? ([], pieces) : (pieces, [])
    if !boosts.isEmpty { (head, cycle) = Self.boosted(head, cycle, boosts) }
    headMass = Self.accumulate(&head)
    cycleMass = Self.accumulate(&cycle)
    headLength = head.last?.end ?? 0
    cycleLength = cycle.last?.end ?? 0
    let only = head.count == 1 && cycle.isEmpty ? head[0] : nil
    constantRate = only.flatMap { piece in piece.curve.constant.map { $0 * piece.factor / 1e9 } }
  }

  // MARK: - Questions

  /// Records per second `elapsed` ns from the start.
  func rate(at elapsed: Double) -> Double {
    if elapsed < headLength || cycle.isEmpty { return Self.rate(head, at: elapsed) }
    return Self.rate(cycle, at: (elapsed - headLength).truncatingRemainder(dividingBy: cycleLength))
  }

  /// Nanoseconds from the start until the integral reaches `mass`; infinite where it never does.
  ///
  /// - Parameter near: a time not far from it, where one is known: the search begins there.
  func time(of mass: Double, near: Double? = nil) -> Double {
    if let constantRate { return constantRate > 0 ? mass / constantRate : .infinity }
    if mass < headMass || cycle.isEmpty { return Self.time(head, of: mass, isEndless: !cycle.isEmpty, near: near) }
    guard cycleMass > 0 else { return .infinity }
    let rest = mass - headMass
    let turns = (rest / cycleMass).rounded(.down)
    let start = headLength + turns * cycleLength
    return start + Self.time(cycle, of: max(rest - turns * cycleMass, 0), isEndless: true, near: near.map { $0 - start })
  }

  /// Records due in the first `elapsed` ns.
  func mass(at elapsed: Double) -> Double {
    func mass(_ pieces: [Piece], _ elapsed: Double) -> Double {
      guard let piece = Self.place(pieces, at: elapsed) else { return 0 }
      return piece.massBefore + Self.mass(piece, upTo: min(elapsed - piece.start, piece.length))
    }
    if elapsed < headLength || cycle.isEmpty { return mass(head, elapsed) }
    let turns = ((elapsed - headLength) / cycleLength).rounded(.down)
    return headMass + turns * cycleMass + mass(cycle, elapsed - headLength - turns * cycleLength)
  }

  /// The highest rate of the curve, per second.
  var maximumRate: Double {
    (head + cycle).reduce(0) { most, piece in
      switch piece.curve {
      case .line(let from, let to): max(most, max(from, to) * piece.factor)
      case .sine(let mean, let amplitude, _): max(most, (mean + abs(amplitude)) * piece.factor)
      }
    }
  }

  // MARK: - Pieces

  private static func accumulate(_ pieces: inout [Piece]) -> Double {
    var total = 0.0
    for index in pieces.indices {
      pieces[index].massBefore = total
      pieces[index].mass = mass(pieces[index], upTo: pieces[index].length)
      total += pieces[index].mass
    }
    return total
  }

  /// The last piece that has begun.
  private static func place(_ pieces: [Piece], at time: Double) -> Piece? {
    var (low, high) = (0, pieces.count)
    while low < high {
      let middle = (low + high) / 2
      if pieces[middle].start <= time { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? pieces[low - 1] : nil
  }

  private static func rate(_ pieces: [Piece], at time: Double) -> Double {
    guard let piece = place(pieces, at: time) ?? pieces.first else { return 0 }
    return rate(piece, at: time - piece.start)
  }

  /// Records per second so many ns into the piece.
  private static func rate(_ piece: Piece, at time: Double) -> Double {
    let at = piece.phase + time
    switch piece.curve {
    case .line(let from, let to):
      guard from != to else { return from * piece.factor }
      return max(from + piece.slope * at, 0) * piece.factor
    case .sine(let mean, let amplitude, let period):
      let turn: Double = (at / (period * 1e6)).truncatingRemainder(dividingBy: 1)
      return max(mean + amplitude * FloatMath.sin(2 * .pi * turn), 0) * piece.factor
    }
  }

  private static func time(_ pieces: [Piece], of mass: Double, isEndless: Bool, near: Double?) -> Double {
    // The last piece that begins at this mass or before, without those in which nothing is due.
    var (low, high) = (0, pieces.count)
    while low < high {
      let middle = (low + high) / 2
      if pieces[middle].massBefore <= mass { low = middle + 1 } else { high = middle }
    }
    var index = low - 1
    while index >= 0, pieces[index].mass == 0 { index -= 1 }
    guard index >= 0 else { return .infinity }
    let piece = pieces[index]
    let rest = mass - piece.massBefore
    if rest < piece.mass || piece.length == .infinity {
      return piece.start + inverse(piece, of: rest, near: near.map { $0 - piece.start })
    }
    // The end of the last piece has come; before another one it is the rounding of their sums that went over the edge.
    return isEndless || index < pieces.count - 1 && pieces[(index + 1)...].contains { $0.mass > 0 } ? piece.end : .infinity
  }

  /// Records in the first `length` ns of a piece.
  private static func mass(_ piece: Piece, upTo length: Double) -> Double {
    switch piece.curve {
    case .line(let from, let to):
      if from == to { return from == 0 ? 0 : from * length / 1e9 * piece.factor }
      let first = from + piece.slope * piece.phase
      return (first * length + piece.slope * length * length / 2) / 1e9 * piece.factor
    case .sine(let mean, let amplitude, let period):
      guard length < .infinity else { return .infinity }
      let cycle = period * 1e6
      func integral(_ at: Double) -> Double {
        let turn: Double = (at / cycle).truncatingRemainder(dividingBy: 1)
        let wave: Double = FloatMath.cos(2 * .pi * turn) - 1
        return mean * at - amplitude * cycle / (2 * .pi) * wave
      }
      return (integral(piece.phase + length) - integral(piece.phase)) / 1e9 * piece.factor
    }
  }

  /// Nanoseconds into the piece until `mass` records of it have passed.
  private static func inverse(_ piece: Piece, of mass: Double, near: Double?) -> Double {
    if mass <= 0 { return 0 }
    switch piece.curve {
    case .line(let from, let to):
      if from == to { return mass * 1e9 / (from * piece.factor) }
      let first = from + piece.slope * piece.phase
      let target = mass * 1e9 / piece.factor
      // The root of slope/2 x^2 + first x - target, in the form that does not cancel.
      let root = max(first * first + 2 * piece.slope * target, 0).squareRoot()
      return min(2 * target / (first + root), piece.length)
    case .sine(let mean, _, let period):
      // Between two whole periods the integral is monotone: Newton's steps, halving where they leave the bounds.
      let cycle = period * 1e6
      // Over a whole period the waves cancel.
      let perCycle = mean * cycle / 1e9 * piece.factor
      guard perCycle > 0 else { return .infinity }
      let turns = (mass / perCycle).rounded(.down)
      let target = mass - turns * perCycle
      var (low, high) = (0.0, cycle)
      let guess = near.map { $0 - turns * cycle } ?? -1
      var at = guess > 0 && guess < cycle ? guess : cycle * target / perCycle
      for _ in 0..<64 {
        let error = Self.mass(piece, upTo: at) - target
        if error > 0 { high = at } else { low = at }
        let slope = rate(piece, at: at) / 1e9
        let step = slope > 0 ? at - error / slope : -1
        let next = step > low && step < high ? step : (low + high) / 2
        let isClose = abs(next - at) < 0.25
        at = next
        if isClose { break }
      }
      return turns * cycle + at
    }
  }

  /// The pieces cut where boosts begin and end. A cycle is unrolled until the last boost is over.
  private static func boosted(_ head: [Piece], _ cycle: [Piece], _ boosts: [Boost]) -> (head: [Piece], cycle: [Piece]) {
    let edges = boosts.flatMap { [$0.start, $0.end] }.filter { $0 > 0 && $0 < .infinity }.sorted()
    var flat = head
    let cycleLength = cycle.last?.end ?? 0
    let lasts = boosts.contains { $0.end == .infinity }
    let limit = edges.last ?? 0
    if !cycle.isEmpty {
      var start = 0.0
      while start < limit, flat.count < 1_000_000 {
        for var piece in cycle {
          piece.start += start
          flat.append(piece)
        }
        start += cycleLength
      }
    }
    func factor(at time: Double) -> Double {
      boosts.reduce(1) { time >= $1.start && time < $1.end ? $0 * $1.factor : $0 }
    }
    var result: [Piece] = []
    for piece in flat {
      let cuts = [piece.start] + edges.filter { $0 > piece.start && $0 < piece.end } + [piece.end]
      for (start, end) in zip(cuts, cuts.dropFirst()) where end > start {
        var cut = piece
        cut.phase += start - piece.start
        (cut.start, cut.length) = (start, end - start)
        cut.factor *= factor(at: start)
        result.append(cut)
      }
    }
    let rest = lasts ? factor(at: max(limit, flat.last?.end ?? 0)) : 1
    let tail = cycle.map { piece in
      var piece = piece
      piece.factor *= rest
      return piece
    }
    return (result, tail)
  }
}

extension LoadShape.Curve {
  fileprivate var constant: Double? {
    if case .line(let from, let to) = self, from == to { return from }
    return nil
  }
}
