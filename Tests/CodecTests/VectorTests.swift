// Sixteen bytes at a time: the processor's instructions against the loops in plain C that take their place elsewhere.

import CVectors
import Testing

@Suite struct VectorTests {
  @Test func `every byte is classified alike at every place`() {
    for byte in UInt8.min...UInt8.max {
      for place in 0..<16 {
        var block = [UInt8](repeating: UInt8(ascii: "7"), count: 16)
        block[place] = byte
        let isSpecial = byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
        let isDigit = byte >= 0x30 && byte <= 0x39
        #expect(cvectors_special(block) == (isSpecial ? 1 << UInt32(place) : 0), "\(byte) at \(place)")
        #expect(cvectors_special_plain_c(block) == cvectors_special(block))
        #expect(cvectors_digits(block) == 0xFFFF & ~(isDigit ? 0 : 1 << UInt32(place)), "\(byte) at \(place)")
        #expect(cvectors_digits_plain_c(block) == cvectors_digits(block))
      }
    }
  }

  @Test func `plain bytes are told from others up to the last one, and not behind it`() {
    for count in 0...70 {
      var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: count) + [UInt8](repeating: 0, count: 16)
      #expect(cvectors_is_plain(bytes, count), "\(count)")
      for place in 0..<count {
        for byte in [UInt8(0), 0x1F, UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x80, 0xFF] {
          bytes[place] = byte
          #expect(!cvectors_is_plain(bytes, count), "\(byte) at \(place) of \(count)")
        }
        bytes[place] = 0x7F
      }
    }
  }
}
