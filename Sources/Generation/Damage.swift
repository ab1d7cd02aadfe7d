// Bytes as they come out of a torn write, a full buffer or a bad disk: no longer of the format, and still one record. Lines keep being one
// line: no line feed comes in, and none is lost.

import Base
import Schema

enum Damage {
  /// Damages the bytes of a record in place; returns how many are left, at least one of a line.
  ///
  /// What is left of an object of JSON is none, whatever way it goes: it lacks its end, lacks its beginning, begins with another character, or
  /// has bytes outside of its strings that are no UTF-8.
  static func apply(
    to start: UnsafeMutablePointer<UInt8>, count: Int, format: RecordFormat, seed: UInt64, _ ticket: UnsafePointer<Ticket>
  ) -> Int {
    guard count > 1 else { return count }
    var random = Random(seed: GenerationSeeds.faults(seed, 3), ticket.pointee.session, ticket.pointee.number)
    switch format {
    case .json, .cloudevents:
      switch random.below(4) {
      case 0: return 1 + Int(random.below(UInt64(count - 1)))
      case 1: return keepEnd(start, count, from: count / 2)
      case 2:
        // Bit 5 would make it the beginning of a list.
        let bit = random.below(6)
        flip(start, bit: bit == 5 ? 6 : bit)
        for _ in 0..<3 { flip(start + 1 + Int(random.below(UInt64(count - 1))), bit: random.below(8)) }
        return count
      default:
        for _ in 0..<4 { start[Int(random.below(UInt64(count)))] = 0xFF }
        start[count - 1] = 0xC3
        return count
      }
    case .csv:
      // Not a quote is left over, so that the lines behind it stay readable; nor is a column, or a line feed within one.
      for index in 0..<count where [10, 13, UInt8(ascii: "\""), UInt8(ascii: ",")].contains(start[index]) { start[index] = 0xFF }
      start[Int(random.below(UInt64(count)))] = 0xFF
      return count
    case .avro: return Int(random.below(UInt64(count)))
    }
  }

  private static func keepEnd(_ start: UnsafeMutablePointer<UInt8>, _ count: Int, from first: Int) -> Int {
    for index in first..<count { start[index - first] = start[index] }
    return count - first
  }

  /// Turns one bit, unless a line would end there.
  private static func flip(_ byte: UnsafeMutablePointer<UInt8>, bit: UInt64) {
    let flipped = byte.pointee ^ (1 << UInt8(bit))
    if flipped != 10 && flipped != 13 { byte.pointee = flipped }
  }
}
