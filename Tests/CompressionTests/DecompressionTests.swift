// Blocks back to what they were, those of other programs too; and what is damaged.

import Base
import Foundation
import TestSupport
import Testing

@testable import Compression

@Suite struct DecompressionTests {
  private static let content: [UInt8] = {
    var random = Random(state: 5)
    var bytes = Array((0..<5000).map { "line \($0 % 977): ok\n" }.joined().utf8)
    while bytes.count < 150_000 { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
    return bytes
  }()

  private static func make(_ name: String) throws -> (any BlockCompressor, any BlockDecompressor) {
    name == "deflate"
      ? (try DeflateCompressor(level: 6, wrapper: .none), try DeflateDecompressor())
      : (try ZstdCompressor(level: 3, hasChecksum: false), try ZstdDecompressor())
  }

  private func compress(_ compressor: any BlockCompressor, _ content: [UInt8]) throws -> [UInt8] {
    let output = ByteBuffer()
    try content.withUnsafeBytes { try compressor.compress($0, into: output) }
    return Array(output.bytes)
  }

  private func decompress(_ decompressor: any BlockDecompressor, _ block: [UInt8], byteCountMax: Int = 1 << 24) throws -> [UInt8] {
    let output = ByteBuffer(capacity: 0)
    output.append("before")
    do {
      try block.withUnsafeBytes { try decompressor.decompress($0, into: output, byteCountMax: byteCountMax) }
    } catch {
      #expect(output.string == "before", "what is damaged leaves nothing behind")
      throw error
    }
    return Array(output.bytes.dropFirst(6))
  }

  @Test(arguments: ["deflate", "zstd"]) func `a block is what it was`(name: String) throws {
    let (compressor, decompressor) = try Self.make(name)
    for content in [[], [1], Self.content, Array(repeating: 0, count: 3_000_000)] {
      #expect(try decompress(decompressor, try compress(compressor, content)) == content)
    }
  }

  @Test func `frames without a size, and several of them, are read too`() throws {
    let piped = try Program.run("zstd", ["-c"], input: .bytes(Data(Self.content)))
    let decompressor = try ZstdDecompressor()
    #expect(try decompress(decompressor, Array(piped.output)) == Self.content)
    #expect(try decompress(decompressor, Array(piped.output + piped.output)) == Self.content + Self.content)
  }

  @Test(arguments: ["deflate", "zstd"]) func `a block that is cut, longer or larger than allowed is refused`(name: String) throws {
    let (compressor, decompressor) = try Self.make(name)
    let block = try compress(compressor, Self.content)
    for count in [0, 1, 2, block.count / 2, block.count - 1] {
      #expect(throws: Failure.self, "cut at \(count)") { try decompress(decompressor, Array(block[..<count])) }
    }
    #expect(throws: Failure.self) { try decompress(decompressor, block + [0, 0, 0, 0, 0]) }
    #expect(throws: Failure.self) { try decompress(decompressor, block, byteCountMax: Self.content.count - 1) }
    #expect(try decompress(decompressor, block, byteCountMax: Self.content.count) == Self.content)
  }

  @Test(arguments: ["deflate", "zstd"]) func `damage is refused or gives other bytes, and nothing worse`(name: String) throws {
    let (compressor, decompressor) = try Self.make(name)
    let block = try compress(compressor, Array(Self.content.prefix(20_000)))
    var random = Random(state: 9)
    var refusedCount = 0
    for _ in 0..<500 {
      var damaged = block
      damaged[Int(random.next() % UInt64(block.count))] ^= UInt8(truncatingIfNeeded: random.next() | 1)
      do { _ = try decompress(decompressor, damaged) } catch { refusedCount += 1 }
    }
    #expect(refusedCount > 0)
    #expect(try decompress(decompressor, block) == Array(Self.content.prefix(20_000)))
  }

  // MARK: Streams

  private static func gzip(_ content: [UInt8]) throws -> [UInt8] {
    var output: [UInt8] = []
    let compressor = try DeflateCompressor(level: 6, wrapper: .gzip)
    try content.withUnsafeBytes { try compressor.compress($0) { output.append(contentsOf: $0) } }
    try compressor.finish { output.append(contentsOf: $0) }
    return output
  }

  private static func zstd(_ content: [UInt8]) throws -> [UInt8] {
    var output: [UInt8] = []
    let compressor = try ZstdCompressor(level: 3)
    try content.withUnsafeBytes { try compressor.compress($0) { output.append(contentsOf: $0) } }
    try compressor.finish { output.append(contentsOf: $0) }
    return output
  }

  private func stream(_ name: String, _ bytes: [UInt8], piece: Int, room: Int) throws -> [UInt8] {
    let decompressor = try #require(try Compression(fileName: "x.\(name)").makeStreamDecompressor())
    let output = ByteBuffer()
    var rest = bytes[...]
    while true {
      let step = try Array(rest.prefix(piece)).withUnsafeBytes { input in
        let before = output.count
        let step = try decompressor.decompress(input, into: output, room: room)
        #expect(output.count - before <= room)
        return step
      }
      rest = rest.dropFirst(step.takenCount)
      if rest.isEmpty, step.isDrained { break }
    }
    try decompressor.finish()
    return Array(output.bytes)
  }

  @Test(arguments: ["gz", "zst"]) func `a stream is what it was, however it is cut`(name: String) throws {
    let make = name == "gz" ? Self.gzip : Self.zstd
    let one = try make(Self.content)
    let empty = try make([])
    let large = try make(Array(repeating: 7, count: 3_000_000))
    for (piece, room) in [(1, 1000), (7, 13), (1 << 17, 1 << 17), (1 << 20, 100), (1000, 1 << 22)] {
      #expect(try stream(name, one, piece: piece, room: room) == Self.content)
      #expect(try stream(name, one + empty + one, piece: piece, room: room) == Self.content + Self.content)
    }
    #expect(try stream(name, empty, piece: 100, room: 100).isEmpty)
    #expect(try stream(name, [], piece: 100, room: 100).isEmpty)
    #expect(try stream(name, large + one, piece: 4096, room: 1 << 16).count == 3_000_000 + Self.content.count)
  }

  @Test(arguments: ["gz", "zst"]) func `a stream that is cut or goes on with something else is refused`(name: String) throws {
    let make = name == "gz" ? Self.gzip : Self.zstd
    let one = try make(Self.content)
    for count in [1, 2, 9, one.count / 2, one.count - 1] {
      #expect(throws: Failure.self, "cut at \(count)") { try stream(name, Array(one[..<count]), piece: 512, room: 4096) }
    }
    #expect(throws: Failure.self) { try stream(name, one + Array("something else".utf8), piece: 512, room: 4096) }
  }
}
