// Texts made of parts: literals, characters drawn from a set, values, alternatives and repetitions.

import Base
import Schema

extension EventCompiler {
  mutating func pieces(_ pieces: [TextPiece], _ owner: Owner) {
    for piece in pieces { self.piece(piece, owner) }
  }

  private mutating func piece(_ piece: TextPiece, _ owner: Owner) {
    switch piece {
    case .literal(let literal): text(escaped(literal))
    case .characters(let set, let count): characters(set, count, owner)
    case .value(let generator): value(generator, owner, isBare: true)
    case .alternatives(let ways, let weights):
      if let literals = Self.literals(ways) { return choice(literals.map { escaped($0) }, weights, owner) }
      branch(weights, owner: owner) { $0.pieces(ways[$1], owner) }
    case .repeated(let inner, let count):
      if count.lowerBound == count.upperBound, count.lowerBound <= 4 {
        for _ in 0..<count.lowerBound { pieces(inner, owner) }
        return
      }
      loop(.uniformInteger(Int64(count.lowerBound), Int64(count.upperBound))) { $0.pieces(inner, owner) }
    }
  }

  /// The ways as plain texts, where they all are.
  private static func literals(_ ways: [[TextPiece]]) -> [String]? {
    var texts: [String] = []
    for way in ways {
      var text = ""
      for piece in way {
        guard case .literal(let part) = piece else { return nil }
        text += part
      }
      texts.append(text)
    }
    return texts
  }

  private mutating func characters(_ set: [Character], _ count: ClosedRange<Int>, _ owner: Owner) {
    guard !set.isEmpty, count.upperBound > 0 else { return }
    let texts = set.map { Array(escaped(String($0)).utf8) }
    // Sets beyond a byte's count, and characters of more than 7 bytes, are rare: then each character is a choice of its own.
    guard texts.count <= 256, texts.allSatisfy({ $0.count <= 7 }), owner.row < 0 else {
      let choices = set.map { escaped(String($0)) }
      let weights = [Double](repeating: 1, count: set.count)
      loop(.uniformInteger(Int64(count.lowerBound), Int64(count.upperBound))) { $0.choice(choices, weights, .record) }
      return
    }
    let blocks = texts.map { text -> UInt64 in
      var block: UInt64 = UInt64(text.count) << 56
      for (index, byte) in text.enumerated() { block |= UInt64(byte) << UInt64(8 * index) }
      return block
    }
    let width = texts.map(\.count).max() ?? 0
    emit(
      .characters, width: width * count.upperBound + 8, owner: Owner(row: -1, seed: UInt64(count.lowerBound)),
      small: UInt8(texts.count - 1), parameter: UInt64(UInt(bitPattern: memory.array(blocks))), second: UInt64(count.upperBound))
  }
}
