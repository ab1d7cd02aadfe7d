// What an Avro container file begins with: its schema, how its blocks are compressed, and the marker between them.

import Base
import Codec
import Compression
import Records

struct AvroHeader {
  var schema: String
  var codec: String
  /// 16 bytes.
  var sync: [UInt8]

  /// What undoes the compression of the blocks, nil where there is none.
  func makeDecompressor(_ name: String) throws(Failure) -> (any BlockDecompressor)? {
    switch codec {
    case "null": return nil
    case "deflate": return try DeflateDecompressor()
    case "zstandard": return try ZstdDecompressor()
    case "snappy", "bzip2", "xz":
      throw Failure(
        .badData,
        "\(name): the blocks are compressed with '\(codec)', which is not built in this version; built: null, deflate, zstandard")
    default: throw Failure(.badData, "\(name): unknown codec '\(codec)'; expected null, deflate or zstandard")
    }
  }
}

/// Reads numbers and texts that may not be there whole yet.
struct AvroHeaderReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private(set) var position: Int
  /// Whether what stands there can be no number, however much more comes.
  private(set) var isMalformed = false

  init(_ bytes: UnsafeBufferPointer<UInt8>, from position: Int) {
    self.bytes = bytes
    self.position = position
  }

  /// A number; nil where it is not whole, or malformed.
  mutating func long() -> Int64? {
    var bits: UInt64 = 0
    var shift: UInt64 = 0
    var index = position
    while index < bytes.count {
      let byte = bytes[index]
      if shift == 63, byte > 1 {
        isMalformed = true
        return nil
      }
      bits |= UInt64(byte & 0x7F) << shift
      index += 1
      if byte < 0x80 {
        position = index
        return Int64(bitPattern: bits >> 1) ^ -Int64(bitPattern: bits & 1)
      }
      shift += 7
    }
    return nil
  }

  private mutating func text() -> UnsafeBufferPointer<UInt8>? {
    guard let count = long() else { return nil }
    guard count >= 0, count <= Int64(AvroSource.headerByteCountMax) else {
      isMalformed = true
      return nil
    }
    guard position + Int(count) <= bytes.count else { return nil }
    defer { position += Int(count) }
    return UnsafeBufferPointer(rebasing: bytes[position..<position + Int(count)])
  }

  /// The header behind the magic; nil where it is not whole yet.
  mutating func read(_ name: String) throws(Failure) -> AvroHeader? {
    var schema: String?
    var codec = "null"
    var isClosed = false
    while let count = long() {
      if count == 0 {
        isClosed = true
        break
      }
      guard count > .min, abs(count) <= 1 << 20 else {
        isMalformed = true
        break
      }
      // A negative count is followed by the size of its block.
      if count < 0, long() == nil { break }
      for _ in 0..<abs(count) {
        guard let key = text(), let value = text() else { return try unfinished(name) }
        switch String(decoding: key, as: UTF8.self) {
        case "avro.schema": schema = String(decoding: value, as: UTF8.self)
        case "avro.codec": codec = String(decoding: value, as: UTF8.self)
        default: break
        }
      }
    }
    guard isClosed, bytes.count >= position + AvroSource.syncByteCount else { return try unfinished(name) }
    guard let schema else { throw Failure(.badData, "\(name): the header has no 'avro.schema'") }
    let sync = Array(bytes[position..<position + AvroSource.syncByteCount])
    position += AvroSource.syncByteCount
    return AvroHeader(schema: schema, codec: codec, sync: sync)
  }

  private func unfinished(_ name: String) throws(Failure) -> AvroHeader? {
    if isMalformed { throw Failure(.badData, "\(name): the header is damaged at byte \(position)") }
    return nil
  }
}
