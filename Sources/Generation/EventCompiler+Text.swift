// Texts made of parts: literals, characters drawn from a set, values, alternatives and repetitions.

import Base
import Schema

extension EventCompiler {
  /// - Parameter form: `jsonText` or `plainText`.
  mutating func pieces(_ pieces: [TextPiece], _ owner: Owner, _ form: ValueForm) {
    for piece in pieces { self.piece(piece, owner, form) }
  }

  private mutating func piece(_ piece: TextPiece, _ owner: Owner, _ form: ValueForm) {
    switch piece {
    case .literal(let literal): text(escaped(literal, form))
    case .characters(let set, let count): characters(set, count, owner, form)
    case .value(let generator): value(generator, owner, form)
    case .alternatives(let ways, let weights):
      if let literals = Self.literals(ways) { return choice(literals.map { Array(escaped($0, form).utf8) }, weights, owner) }
      branch(weights, owner: owner) { $0.pieces(ways[$1], owner, form) }
    case .repeated(let inner, let count):
      if count.lowerBound == count.upperBound, count.lowerBound <= 4 {
        for _ in 0..<count.lowerBound { pieces(inner, owner, form) }
        return
      }
      loop(.uniformInteger(Int64(count.lowerBound), Int64(count.upperBound))) { $0.pieces(inner, owner, form) }
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

  private mutating func characters(_ set: [Character], _ count: ClosedRange<Int>, _ owner: Owner, _ form: ValueForm) {
    guard !set.isEmpty, count.upperBound > 0 else { return }
    let texts = set.map { Array(escaped(String($0), form).utf8) }
    // Sets beyond a byte's count, and characters of more than 7 bytes, are rare: then each character is a choice of its own.
    guard texts.count <= 256, texts.allSatisfy({ $0.count <= 7 }), owner.row < 0 else {
      let weights = [Double](repeating: 1, count: set.count)
      loop(.uniformInteger(Int64(count.lowerBound), Int64(count.upperBound))) { $0.choice(texts, weights, .record) }
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
