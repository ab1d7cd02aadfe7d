// Number text against Swift's own description, under seeded random values of every length.

import Base
import Testing

@Suite struct NumberTextTests {
  private func text(_ write: (UnsafeMutablePointer<UInt8>) -> Int) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberText.maximumByteCount) { buffer in
      String(decoding: buffer[..<write(buffer.baseAddress!)], as: UTF8.self)
    }
  }

  @Test func `integers read as Swift writes them`() {
    let edges: [Int64] = [0, 9, 10, 99_999_999, 100_000_000, 9_999_999_999_999_999, 10_000_000_000_000_000, .max, .min, -1]
    for value in edges { #expect(text { NumberText.write(value, to: $0) } == String(value)) }
    var random = Random(seed: 1, 2, 3)
    for _ in 0..<20_000 {
      let value = Int64(bitPattern: random.next()) >> Int64(random.below(64))
      #expect(text { NumberText.write(value, to: $0) } == String(value))
    }
  }

  @Test func `zeros fill up to the digits asked for`() {
    var random = Random(seed: 4, 5, 6)
    for _ in 0..<20_000 {
      let value = random.next() >> random.below(64)
      let minimum = Int(random.below(20)) + 1
      let plain = String(value)
      let expected = String(repeating: "0", count: max(0, minimum - plain.count)) + plain
      #expect(text { NumberText.write(value, minimumDigits: minimum, to: $0) } == expected)
    }
  }

  @Test func `fixed decimals put the point where it belongs`() {
    #expect(text { NumberText.writeFixed(0, decimals: 2, to: $0) } == "0.00")
    #expect(text { NumberText.writeFixed(-5, decimals: 2, to: $0) } == "-0.05")
    #expect(text { NumberText.writeFixed(123_456, decimals: 0, to: $0) } == "123456")
    #expect(text { NumberText.writeFixed(.min, decimals: 18, to: $0) } == "-9.223372036854775808")
    #expect(text { NumberText.writeFixed(1_234_567_890_123, decimals: 2, to: $0) } == "12345678901.23")
  }

  @Test func `doubles read back as themselves and are valid JSON`() {
    #expect(text { NumberText.write(Double.nan, to: $0) } == "null")
    #expect(text { NumberText.write(-Double.infinity, to: $0) } == "null")
    var random = Random(seed: 7, 8, 9)
    for _ in 0..<5_000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      let written = text { NumberText.write(value, to: $0) }
      #expect(Double(written) == value)
      #expect(written.utf8.count <= 24)
    }
  }

  @Test func `the shortest decimal is the one that Swift describes`() {
    let edges: [Double] = [
      0, -0.0, 0.1, 0.01, 0.010000000000000002, 0.3, 1, 5, 1024, 0.5, 0.015625, 999_999_999_999_999, 1e15, 1e30, 123_456_789.125,
      0.1 + 0.2,
      .pi, 1 / 3, 2 / 3, 9.5367431640625e-7, 99.99999999999999, 999_999_999_999_999.9, .leastNonzeroMagnitude,
      .greatestFiniteMagnitude,
    ]
    for value in edges + edges.map({ -$0 }) + edges.map(\.nextUp) + edges.map(\.nextDown) where value.isFinite {
      #expect(text { NumberText.writeShortest(value, to: $0) } == value.description)
    }
    var random = Random(seed: 10, 11, 12)
    for _ in 0..<20_000 {
      let wide = (random.unit() - 0.5) * FloatMath.exp(Double(random.below(42)) - 5)
      let rounded = Double(random.integer(in: -1_000_000_000...1_000_000_000)) / [1, 10, 100, 1000, 1e6][Int(random.below(5))]
      let power = Double(sign: .plus, exponent: Int(random.below(120)) - 60, significand: 1)
      for value in [wide, rounded, power] { #expect(text { NumberText.writeShortest(value, to: $0) } == value.description) }
    }
  }

  @Test func `a version 4 UUID shows its version and variant`() {
    var random = Random(seed: 1, 1, 1)
    for _ in 0..<1_000 {
      let uuid = UUIDBits.v4(&random)
      let hexadecimal = String(uuid.high, radix: 16), low = String(uuid.low, radix: 16)
      let digits = Array(String(repeating: "0", count: 16 - hexadecimal.count) + hexadecimal + low)
      var expected = String(digits[0..<8]) + "-" + String(digits[8..<12]) + "-" + String(digits[12..<16]) + "-"
      expected += String(digits[16..<20]) + "-" + String(digits[20...])
      let written = text {
        uuid.write(to: $0)
        return 36
      }
      #expect(written == expected)
      #expect(digits[12] == "4" && "89ab".contains(digits[16]))
    }
  }

  @Test func `a version 7 UUID begins with its milliseconds`() {
    var random = Random(seed: 1, 1, 2)
    let uuid = UUIDBits.v7(milliseconds: 1_767_225_600_123, &random)
    #expect(uuid.high >> 16 == 1_767_225_600_123)
    #expect(uuid.high >> 12 & 15 == 7 && uuid.low >> 62 == 2)
  }
}
