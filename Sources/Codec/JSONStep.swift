// One step of a learned record: a run of literal bytes (the end of one value, punctuation, a key, the beginning of the next value) and
// what the value behind it is. Steps lie in one table, in the order in which a record had them.
//
//      {"id":"  36 bytes  ","ts":  13 digits  ,"user":{"name":"  ?  "},"ok":true  }
//      --------           -------           ------------------     -------------- -
//      string             number            string                 true           end
//
// Where a record's bytes equal the literal, that comparison has checked them, as the literal was cut from a valid record.
//
// A step remembers how its value looked last time. While that stays the same (an identifier, a time, a flag), the value is checked where it
// is expected to end, and the processor can go on with the next step meanwhile: a search for the end would be waited for.

/// A literal and what stands behind it.
struct JSONStep: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    /// A string; the literal ends with its opening quote, the next one begins with its closing quote.
    case string
    case number
    /// A wanted value that is part of the literal.
    case null, `true`, `false`
    /// A piece of a long literal, or a value that nobody wants and that is part of the literal.
    case nothing
    /// No literal: go on at `target`.
    case jump
    /// The end of the record.
    case end
  }

  static let literalCountMax = 32

  /// The first 16 bytes of the literal, and which of them count.
  private var head: (UInt64, UInt64) = (0, 0)
  private var mask: (UInt64, UInt64) = (0, 0)
  /// The last 16 bytes of a literal that has more.
  private var tail: (UInt64, UInt64) = (0, 0)
  /// The bits of the wanted objects that the literal opens.
  var opened: UInt64 = 0
  private(set) var literalCount: Int32 = 0
  /// The column that takes the value, or -1.
  private(set) var column: Int32 = -1
  /// The step to try where this one does not fit, 0 where there is none.
  var alternative: Int32 = 0
  /// Where a jump leads.
  private(set) var target: Int32 = 0
  let kind: Kind

  /// Whether the value is expected to look as it did last time.
  var isSteady = true
  /// How often that was right, and how often not, since the last review.
  var hitCount: Int32 = 0
  var missCount: Int32 = 0
  /// How many bytes the value is expected to have, in a string without its quotes.
  var valueCount: Int32 = 0
  /// Of a number: a bit for each byte, and those of its digits. Unequal for good where the number has a sign, an exponent or many digits.
  private(set) var numberBits: UInt32 = 0
  private(set) var digitBits: UInt32 = 1
  /// Where the number's point stands, -1 where it has none.
  private(set) var pointIndex: Int8 = -1
  /// Whether the number has one digit before the point, so that this may be 0.
  private(set) var mayBeginWithZero = false

  /// A step whose literal has at most `literalCountMax` bytes.
  init(_ kind: Kind, literal: UnsafeBufferPointer<UInt8>, column: Int32 = -1, opened: UInt64 = 0) {
    precondition(literal.count <= Self.literalCountMax, "a longer literal is cut into pieces")
    self.kind = kind
    self.column = column
    self.opened = opened
    literalCount = Int32(literal.count)
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { words in
      words.initializeMemory(as: UInt8.self, repeating: 0)
      for index in 0..<min(16, literal.count) { (words[index], words[16 + index]) = (literal[index], 0xFF) }
      head = (words.load(as: UInt64.self), words.load(fromByteOffset: 8, as: UInt64.self))
      mask = (words.load(fromByteOffset: 16, as: UInt64.self), words.load(fromByteOffset: 24, as: UInt64.self))
      guard literal.count > 16 else { return }
      for index in 0..<16 { words[index] = literal[literal.count - 16 + index] }
      tail = (words.load(as: UInt64.self), words.load(fromByteOffset: 8, as: UInt64.self))
    }
  }

  init(jumpTo target: Int) {
    kind = .jump
    self.target = Int32(target)
  }

  /// Whether the text at `cursor` begins with the literal. Reads at most 32 bytes.
  @inline(__always)
  func matches(_ cursor: UnsafePointer<UInt8>) -> Bool {
    let raw = UnsafeRawPointer(cursor)
    // Swift's `^` and `|` bind alike, so each comparison has its brackets.
    var difference =
      ((raw.loadUnaligned(as: UInt64.self) ^ head.0) & mask.0)
      | (((raw + 8).loadUnaligned(as: UInt64.self) ^ head.1) & mask.1)
    if literalCount > 16 {
      let last = raw + (Int(literalCount) &- 16)
      difference |= (last.loadUnaligned(as: UInt64.self) ^ tail.0) | ((last + 8).loadUnaligned(as: UInt64.self) ^ tail.1)
    }
    return difference == 0
  }

  /// Whether this step stands for the same bytes and the same value as `other`.
  func isSame(as other: JSONStep) -> Bool {
    head == other.head && mask == other.mask && tail == other.tail && literalCount == other.literalCount && kind == other.kind
      && column == other.column
  }

  /// Expects the next number to look like this one.
  mutating func expect(number: UnsafeBufferPointer<UInt8>) {
    valueCount = Int32(truncatingIfNeeded: number.count)
    (numberBits, digitBits, pointIndex) = (0, 1, -1)
    guard number.count <= 16 else { return }
    let point = number.firstIndex(of: UInt8(ascii: "."))
    let digitCount = number.count { $0 &- 0x30 < 10 }
    guard digitCount + (point == nil ? 0 : 1) == number.count else { return }
    if let point {
      // The digits before and behind the point fit a word each, and all of them a double.
      guard digitCount <= 15, point <= 8, number.count - point - 1 <= 8 else { return }
      pointIndex = Int8(point)
    }
    numberBits = (1 << UInt32(number.count)) - 1
    digitBits = numberBits & ~(point.map { 1 << UInt32($0) } ?? 0)
    mayBeginWithZero = number.count == 1 || point == 1
  }

  /// The same for a number without a sign or an exponent, of at most 15 bytes, each part of it of a word; 0 stands for no fraction.
  @inline(__always)
  mutating func expect(integerCount: Int, fractionCount: Int) {
    let hasPoint = fractionCount > 0
    let count = hasPoint ? integerCount &+ 1 &+ fractionCount : integerCount
    valueCount = Int32(truncatingIfNeeded: count)
    pointIndex = hasPoint ? Int8(truncatingIfNeeded: integerCount) : -1
    numberBits = (1 &<< UInt32(truncatingIfNeeded: count)) &- 1
    digitBits = hasPoint ? numberBits & ~(1 &<< UInt32(truncatingIfNeeded: integerCount)) : numberBits
    mayBeginWithZero = integerCount == 1
  }

  /// Gives up expectations that were wrong in a third of the records or more: a wrong one costs about two searches.
  mutating func review() {
    if Int(missCount) * 2 > Int(hitCount) { isSteady = false }
    (hitCount, missCount) = (0, 0)
  }
}
