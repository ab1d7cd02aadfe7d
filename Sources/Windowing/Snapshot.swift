// The state of a partition as bytes, and back: a directory of numbers and names, and a section for each flat array, so that saving is little more
// than copies. Large sections begin at multiples of 64 KiB: where one grows, the blocks of the others stay what they were.
//
//   [ magic 8 | format 8 | image byteCount 8 | directory byteCount 8 | hash 8 | - 24 ]      the hash: of both counts and all behind the header
//   [ directory ]
//   [ sections below 64 KiB ... ]
//   [ section ] at a multiple of 64 KiB ...
//
// Words are little endian. What is read is believed only as far as it can be checked: see `SnapshotCheck`.

import Base

/// Why bytes are no usable snapshot.
public enum SnapshotError: Error, Equatable {
  /// Cut short, overwritten, or not a snapshot at all.
  case damaged
  /// Written by another version of the format.
  case otherFormat(UInt64)
  /// Of views that have changed since.
  case changedViews([ViewChange])
  /// The views have not changed, but they are divided into groups in another way, which only happens beyond 64 aggregates of one kind of window.
  case regrouped(view: String)
}

/// Collects a snapshot: nothing that it refers to may change before `finish`.
public final class SnapshotWriter {
  static let magic: UInt64 = 0x3154_5348_5352_4654  // "TFRSHST1", little endian
  public static let format: UInt64 = 4
  static let headerByteCount = 64
  /// The bytes of a block of a checkpoint.
  static let alignment = 64 << 10

  private enum Content {
    case memory(UnsafeRawBufferPointer)
    /// Of `scratch`.
    case made(Range<Int>)
  }

  private let directory = ByteBuffer()
  private let scratch = ByteBuffer()
  private var sections: [(place: Int, byteCount: Int, content: Content)] = []

  public init() {}

  public func write(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { directory.append($0.bindMemory(to: UInt8.self)) } }
  public func write(_ number: Int64) { write(UInt64(bitPattern: number)) }
  public func write(_ number: Int) { write(UInt64(bitPattern: Int64(number))) }

  func write(_ text: String) {
    write(text.utf8.count)
    directory.append(text)
  }

  /// A section of what already lies flat in memory.
  func writeSection(_ bytes: UnsafeRawBufferPointer) { addSection(bytes.count, .memory(bytes)) }

  /// A section of what `fill` appends.
  func writeSection(_ fill: (ByteBuffer) -> Void) {
    let start = scratch.count
    fill(scratch)
    addSection(scratch.count - start, .made(start..<scratch.count))
  }

  private func addSection(_ byteCount: Int, _ content: Content) {
    sections.append((directory.count, byteCount, content))
    // Where it will lie, known once all are.
    write(0)
    write(byteCount)
  }

  /// Appends the snapshot to `buffer`; it counts once it is sealed.
  public func finish(to buffer: ByteBuffer) {
    func aligned(_ count: Int, _ unit: Int) -> Int { (count + unit - 1) / unit * unit }
    let start = buffer.count
    var offsets = [Int](repeating: 0, count: sections.count)
    var end = aligned(Self.headerByteCount + directory.count, 8)
    for isLarge in [false, true] {
      for (index, section) in sections.enumerated() where (section.byteCount >= Self.alignment) == isLarge {
        offsets[index] = aligned(end, isLarge ? Self.alignment : 8)
        end = offsets[index] + section.byteCount
      }
    }
    buffer.reserve(end)
    let base = UnsafeMutableRawPointer(buffer.base + start)
    for (word, value) in [Self.magic, Self.format, UInt64(end), UInt64(directory.count), 0, 0, 0, 0].enumerated() {
      base.storeBytes(of: value.littleEndian, toByteOffset: 8 * word, as: UInt64.self)
    }
    for (index, section) in sections.enumerated() {
      UnsafeMutableRawPointer(directory.base + section.place).storeBytes(of: UInt64(offsets[index]).littleEndian, as: UInt64.self)
    }
    (base + Self.headerByteCount).copyMemory(from: directory.base, byteCount: directory.count)
    var written = Self.headerByteCount + directory.count
    for index in sections.indices.sorted(by: { (offsets[$0], $0) < (offsets[$1], $1) }) {
      let section = sections[index]
      (base + written).initializeMemory(as: UInt8.self, repeating: 0, count: offsets[index] - written)
      switch section.content {
      case .memory(let bytes):
        if let source = bytes.baseAddress { (base + offsets[index]).copyMemory(from: source, byteCount: bytes.count) }
      case .made(let range):
        (base + offsets[index]).copyMemory(from: scratch.base + range.lowerBound, byteCount: range.count)
      }
      written = offsets[index] + section.byteCount
    }
    buffer.count = start + end
  }

  /// Writes the hash of the snapshot that begins at `start` and ends with `buffer`: apart from `finish`, because it need not be done by the thread
  /// that owns the state.
  public static func seal(_ buffer: ByteBuffer, from start: Int = 0) {
    let hash = self.hash(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer.bytes)[start...]))
    UnsafeMutableRawPointer(buffer.base + start).storeBytes(of: hash.littleEndian, toByteOffset: 32, as: UInt64.self)
  }

  static func hash(_ image: UnsafeRawBufferPointer) -> UInt64 {
    let bytes = image.bindMemory(to: UInt8.self)
    func word(_ offset: Int) -> UInt64 { UInt64(littleEndian: image.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    let body = Hash.bytes(bytes.baseAddress! + headerByteCount, count: bytes.count - headerByteCount)
    return Hash.mix(body, Hash.mix(word(16), word(24)))
  }
}

/// Reads the directory of a snapshot from its front.
public struct SnapshotReader {
  private let image: UnsafeRawBufferPointer
  private var rest: UnsafeRawBufferPointer.SubSequence

  /// Checks the frame of the snapshot.
  public init(_ image: UnsafeRawBufferPointer) throws(SnapshotError) {
    guard image.count >= 16 else { throw .damaged }
    func word(_ offset: Int) -> UInt64 { UInt64(littleEndian: image.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    // What stood before the engine's part in format 3.
    if word(0) == 0x3154_5250_5352_4654 { throw .otherFormat(3) }
    guard word(0) == SnapshotWriter.magic else { throw .damaged }
    guard word(8) == SnapshotWriter.format else { throw .otherFormat(word(8)) }
    guard image.count >= SnapshotWriter.headerByteCount, word(16) == UInt64(image.count),
      word(24) <= UInt64(image.count - SnapshotWriter.headerByteCount), SnapshotWriter.hash(image) == word(32)
    else { throw .damaged }
    self.image = image
    rest = image[SnapshotWriter.headerByteCount..<SnapshotWriter.headerByteCount + Int(word(24))]
  }

  public mutating func word() throws(SnapshotError) -> UInt64 {
    guard rest.count >= 8 else { throw .damaged }
    let word = UnsafeRawBufferPointer(rebasing: rest).loadUnaligned(as: UInt64.self)
    rest = rest.dropFirst(8)
    return UInt64(littleEndian: word)
  }

  public mutating func number() throws(SnapshotError) -> Int64 { Int64(bitPattern: try word()) }

  mutating func number(in range: ClosedRange<Int64>) throws(SnapshotError) -> Int64 {
    let value = try number()
    guard range.contains(value) else { throw .damaged }
    return value
  }

  mutating func integer(upTo limit: Int) throws(SnapshotError) -> Int {
    let value = try word()
    guard value <= UInt64(limit) else { throw .damaged }
    return Int(value)
  }

  /// A count of things that take at least a word each, which must still lie ahead.
  public mutating func count() throws(SnapshotError) -> Int { try integer(upTo: rest.count / 8) }

  mutating func flag() throws(SnapshotError) -> Bool { try integer(upTo: 1) == 1 }

  mutating func text() throws(SnapshotError) -> String {
    let count = try integer(upTo: rest.count)
    guard count <= rest.count else { throw .damaged }
    let text = String(decoding: rest.prefix(count), as: UTF8.self)
    rest = rest.dropFirst(count)
    return text
  }

  /// A section of elements of `stride` bytes.
  mutating func section(of stride: Int) throws(SnapshotError) -> UnsafeRawBufferPointer {
    let offset = try integer(upTo: image.count)
    let byteCount = try integer(upTo: image.count - offset)
    guard byteCount % stride == 0 else { throw .damaged }
    return UnsafeRawBufferPointer(rebasing: image[offset..<offset + byteCount])
  }

  /// A section of numbers of nodes or entries.
  mutating func numbers() throws(SnapshotError) -> ContiguousArray<UInt32> {
    let bytes = try section(of: 4)
    var numbers = ContiguousArray<UInt32>(repeating: 0, count: bytes.count / 4)
    numbers.withUnsafeMutableBytes { $0.copyMemory(from: bytes) }
    return numbers
  }
}

extension ByteBuffer {
  func append(word: UInt64) { withUnsafeBytes(of: word.littleEndian) { append($0.bindMemory(to: UInt8.self)) } }

  func append(numbers: some Collection<UInt32>) {
    reserve(4 * numbers.count)
    for number in numbers {
      UnsafeMutableRawPointer(base + count).storeBytes(of: number.littleEndian, as: UInt32.self)
      count += 4
    }
  }
}
