// Avro object container files (Apache Avro 1.11 specification, "Object Container Files").
//
//   "Obj" 1 | map { avro.schema, avro.codec } | sync marker, 16 bytes
//   block:    count of records | count of bytes | the records, compressed | sync marker
//   block ...
//
// Counts are longs in Avro's encoding: zigzag, then seven bits at a time, the low ones first.

import Base
import Compression

/// How the blocks of a file are compressed.
public enum AvroCodec: Equatable, Sendable {
  case null
  /// Raw deflate (RFC 1951), levels 1 to 9.
  case deflate(level: Int)
  /// Levels 1 to 19.
  case zstandard(level: Int)

  /// The value of `avro.codec`.
  public var name: String {
    switch self {
    case .null: "null"
    case .deflate: "deflate"
    case .zstandard: "zstandard"
    }
  }

  func makeCompressor() throws -> (any BlockCompressor)? {
    switch self {
    case .null: nil
    case .deflate(let level): try DeflateCompressor(level: level, wrapper: .none)
    case .zstandard(let level): try ZstdCompressor(level: level, hasChecksum: false)
    }
  }
}

extension AvroCodec {
  /// The codec that a choice of compression means for a container: gzip's method is deflate.
  public init(_ compression: Compression) {
    switch compression {
    case .none: self = .null
    case .gzip(let level): self = .deflate(level: level)
    case .zstd(let level): self = .zstandard(level: level)
    }
  }
}

/// What all container files of a stream share.
public struct AvroContainer: Sendable {
  /// The schema of each record, as JSON.
  public var schema: String
  public var codec: AvroCodec
  /// The sync marker is a function of it, so that the same seed gives the same file.
  public var seed: UInt64
  /// A block is closed when it holds this many bytes before compression, or this many records.
  public var blockByteCount: Int
  public var blockRecordCount: Int

  public init(
    schema: String, codec: AvroCodec = .null, seed: UInt64 = 0, blockByteCount: Int = 64 << 10, blockRecordCount: Int = 65_536
  ) {
    precondition(blockByteCount > 0 && blockRecordCount > 0, "a block holds at least one record")
    self.schema = schema
    self.codec = codec
    self.seed = seed
    self.blockByteCount = blockByteCount
    self.blockRecordCount = blockRecordCount
  }

  /// What every container file begins with.
  static let magic: [UInt8] = [0x4F, 0x62, 0x6A, 1]

  /// 16 bytes that hardly occur in data.
  var syncMarker: [UInt8] {
    [Hash.mix(seed, 0x4f62_6a01), Hash.mix(seed, 0x7379_6e63)].flatMap { word in
      withUnsafeBytes(of: word.littleEndian) { Array($0) }
    }
  }

  /// Appends what a file begins with.
  func appendHeader(to output: ByteBuffer) {
    output.append("Obj\u{1}")
    Self.append(2, to: output)
    for (key, value) in [("avro.schema", schema), ("avro.codec", codec.name)] {
      for text in [key, value] {
        Self.append(text.utf8.count, to: output)
        output.append(text)
      }
    }
    Self.append(0, to: output)
    syncMarker.withUnsafeBufferPointer { output.append($0) }
  }

  /// Appends a count as an Avro long.
  static func append(_ count: Int, to output: ByteBuffer) {
    var rest = UInt64(bitPattern: Int64(count << 1 ^ count >> 63))
    while rest > 0x7f {
      output.append(UInt8(rest & 0x7f | 0x80))
      rest >>= 7
    }
    output.append(UInt8(rest))
  }
}

/// The blocks of one file after another: records in, whole blocks out.
final class AvroBlocks {
  private let container: AvroContainer
  private let syncMarker: [UInt8]
  private let compressor: (any BlockCompressor)?
  private let records: ByteBuffer
  private let compressed = ByteBuffer(capacity: 0)
  private let output: ByteBuffer
  /// Records of the block that is being filled.
  private(set) var recordCount = 0

  init(_ container: AvroContainer) throws {
    self.container = container
    syncMarker = container.syncMarker
    compressor = try container.codec.makeCompressor()
    records = ByteBuffer(capacity: container.blockByteCount)
    output = ByteBuffer(capacity: container.blockByteCount + 64)
  }

  var isFull: Bool { records.count >= container.blockByteCount || recordCount >= container.blockRecordCount }

  func append(_ record: UnsafeBufferPointer<UInt8>) {
    records.append(record)
    recordCount += 1
  }

  /// The file's header; valid until the next call.
  func header() -> UnsafeRawBufferPointer {
    output.removeAll()
    container.appendHeader(to: output)
    return UnsafeRawBufferPointer(output.bytes)
  }

  /// Closes the block: its bytes, valid until the next call.
  func takeBlock() throws -> UnsafeRawBufferPointer {
    var content = records
    if let compressor {
      compressed.removeAll()
      try compressor.compress(UnsafeRawBufferPointer(records.bytes), into: compressed)
      content = compressed
    }
    output.removeAll()
    AvroContainer.append(recordCount, to: output)
    AvroContainer.append(content.count, to: output)
    output.append(content.bytes)
    syncMarker.withUnsafeBufferPointer { output.append($0) }
    records.removeAll()
    recordCount = 0
    return UnsafeRawBufferPointer(output.bytes)
  }
}
