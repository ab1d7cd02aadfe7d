// What a checkpoint is made of: for each block of the snapshot the generation that holds it. A block that has not changed since an earlier save
// is named where that save left it, so a save writes what has changed, and a manifest says everything that a load needs.
//
//   [ magic 8 | format 8 | generation 8 | snapshot byteCount 8 | block count 8 | blocks ... | checksum of all before 8 ]
//   block   [ generation 8 | offset 8 | checksum 8 | ordinal 4 | byteCount 4 ]

import Base

/// Where a block lies.
public struct BlockReference: Hashable, BitwiseCopyable, Sendable {
  /// The generation that wrote it; see `BlockMedium`.
  public var generation: Int64
  /// Its place among the blocks of that generation, by bytes and by number.
  public var offset: UInt64
  /// Of the bytes as they lie there.
  public var checksum: UInt64
  public var ordinal: UInt32
  /// As it lies there: compressed.
  public var byteCount: UInt32

  static let encodedByteCount = 32
}

public struct BlockManifest: Sendable {
  /// The bytes of a snapshot that one block holds; the last may hold less.
  public static let blockByteCount = 64 << 10

  private static let magic: UInt64 = 0x314e_414d_5352_4654  // "TFRSMAN1", little endian
  static let format: UInt64 = 1
  private static let headerByteCount = 40

  public var generation: Int64
  /// Of the snapshot.
  public var byteCount: Int
  public var blocks: [BlockReference]

  /// The generations that hold any of the blocks, the manifest's own included.
  public var generations: Set<Int64> { Set(blocks.map(\.generation)).union([generation]) }

  init(generation: Int64, byteCount: Int, blocks: [BlockReference]) {
    self.generation = generation
    self.byteCount = byteCount
    self.blocks = blocks
  }

  /// Reads what `encode` has written. The failure says what is wrong; `name` says of what.
  public init(_ bytes: UnsafeRawBufferPointer, name: String) throws(Failure) {
    func word(_ offset: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    func damaged(_ what: String) -> Failure { Failure(.badData, "\(name) is damaged: \(what)") }
    guard bytes.count >= Self.headerByteCount + 8 else { throw damaged("\(bytes.count) bytes are too few for a manifest") }
    guard word(0) == Self.magic else { throw damaged("it does not begin as a manifest does") }
    guard word(8) == Self.format else {
      throw Failure(.badConfiguration, "\(name) has layout \(word(8)); this version reads layout \(Self.format)")
    }
    let checksum = Checksum.of(UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 8)]))
    guard checksum == word(bytes.count - 8) else { throw damaged("its checksum is wrong") }
    let count = (bytes.count - Self.headerByteCount - 8) / BlockReference.encodedByteCount
    guard word(32) == UInt64(count), Self.headerByteCount + count * BlockReference.encodedByteCount + 8 == bytes.count,
      word(24) <= UInt64(count) * UInt64(Self.blockByteCount),
      word(24) > UInt64(max(0, count - 1)) * UInt64(Self.blockByteCount) || count == 0
    else { throw damaged("it names \(count) blocks for \(word(24)) bytes") }
    generation = Int64(bitPattern: word(16))
    byteCount = Int(word(24))
    blocks = (0..<count).map { index in
      let start = Self.headerByteCount + index * BlockReference.encodedByteCount
      let last = word(start + 24)
      return BlockReference(
        generation: Int64(bitPattern: word(start)), offset: word(start + 8), checksum: word(start + 16),
        ordinal: UInt32(truncatingIfNeeded: last), byteCount: UInt32(truncatingIfNeeded: last >> 32))
    }
    guard blocks.allSatisfy({ $0.byteCount <= Self.storedByteCountMax }) else { throw damaged("a block of it is too long") }
  }

  /// More than zstd ever makes of a block.
  static let storedByteCountMax = UInt32(2 * blockByteCount)

  public func encode(to buffer: ByteBuffer) {
    let start = buffer.count
    func append(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { buffer.append($0.bindMemory(to: UInt8.self)) } }
    for word in [Self.magic, Self.format, UInt64(bitPattern: generation), UInt64(byteCount), UInt64(blocks.count)] { append(word) }
    buffer.reserve(blocks.count * BlockReference.encodedByteCount + 8)
    for block in blocks {
      append(UInt64(bitPattern: block.generation))
      append(block.offset)
      append(block.checksum)
      append(UInt64(block.ordinal) | UInt64(block.byteCount) << 32)
    }
    append(Checksum.of(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer.bytes)[start...])))
  }
}

/// A hash that finds damage: the same in every process.
enum Checksum {
  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    let bytes = bytes.bindMemory(to: UInt8.self)
    guard let start = bytes.baseAddress else { return 0 }
    return Hash.bytes(start, count: bytes.count)
  }
}
