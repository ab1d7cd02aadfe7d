// Compressed bytes, read back by other people's programs: gzip, zstd and Python.

import Base
import Foundation
import TestSupport
import Testing

@testable import Compression

@Suite struct CompressionTests {
  /// Text that compresses, then bytes that do not: 130 kB and 220 kB, more than the buffers in between.
  private static let content: [UInt8] = {
    var random = Random(state: 5)
    var bytes = Array((0..<10_000).map { "line \($0 % 977): ok\n" }.joined().utf8)
    while bytes.count < 350_000 { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
    return bytes
  }()

  /// One stream of `content`, fed in pieces of these sizes in turn.
  private func stream(_ compressor: any StreamCompressor, _ content: [UInt8], pieces: [Int]) throws -> [UInt8] {
    let output = ByteBuffer()
    func take(_ bytes: UnsafeRawBufferPointer) { output.append(bytes.bindMemory(to: UInt8.self)) }
    try content.withUnsafeBytes { bytes in
      var start = 0
      var turn = 0
      while start < bytes.count {
        let end = min(start + pieces[turn % pieces.count], bytes.count)
        try compressor.compress(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), to: take)
        start = end
        turn += 1
      }
    }
    try compressor.finish(to: take)
    return Array(output.bytes)
  }

  private func unpack(_ compressed: [UInt8], _ command: String) throws -> [UInt8] {
    let outcome = try Program.run(command, ["-dc"], input: .bytes(Data(compressed)))
    try #require(outcome.status == 0, "\(outcome.errors)")
    return Array(outcome.output)
  }

  static let all: [(Compression, String)] = [
    (.gzip(level: 1), "gzip"), (.gzip, "gzip"), (.gzip(level: 9), "gzip"), (.zstd(level: 1), "zstd"), (.zstd, "zstd"),
    (.zstd(level: 19), "zstd"),
  ]

  @Test(arguments: all) func `a stream is unpacked to the same bytes, however it was cut`(
    _ compression: Compression, _ command: String
  )
    throws
  {
    let compressor = try #require(try compression.makeStreamCompressor())
    let whole = try stream(compressor, Self.content, pieces: [.max])
    #expect(whole.count < Self.content.count)
    #expect(try unpack(whole, command) == Self.content)
    // The same compressor begins again after `finish`, and gives the same bytes.
    #expect(try stream(compressor, Self.content, pieces: [.max]) == whole)
    #expect(try stream(compressor, Self.content, pieces: [1, 70_000, 333, 131_072]) == whole)
  }

  @Test(arguments: [(Compression.gzip, "gzip"), (.zstd, "zstd")]) func `an empty stream is a valid file`(
    _ compression: Compression, _ command: String
  ) throws {
    let compressor = try #require(try compression.makeStreamCompressor())
    let compressed = try stream(compressor, [], pieces: [1])
    #expect(!compressed.isEmpty)
    #expect(try unpack(compressed, command).isEmpty)
  }

  @Test func `a gzip header holds no time`() throws {
    let compressed = try stream(DeflateCompressor(level: 6, wrapper: .gzip), [1, 2, 3], pieces: [3])
    #expect(Array(compressed.prefix(8)) == [0x1f, 0x8b, 8, 0, 0, 0, 0, 0])
  }

  @Test func `a higher level is smaller`() throws {
    func count(_ compression: Compression) throws -> Int {
      try stream(#require(try compression.makeStreamCompressor()), Array(Self.content.prefix(130_000)), pieces: [.max]).count
    }
    #expect(try count(.gzip(level: 9)) < count(.gzip(level: 1)))
    #expect(try count(.zstd(level: 19)) < count(.zstd(level: 1)))
  }

  @Test func `what the output says ends the call`() throws {
    struct Full: Error {}
    for (compression, _) in Self.all {
      let compressor = try #require(try compression.makeStreamCompressor())
      let noise = Array(Self.content.suffix(200_000))
      #expect(throws: Full.self) {
        try noise.withUnsafeBytes { try compressor.compress($0) { _ in throw Full() } }
        try compressor.finish { _ in throw Full() }
      }
    }
  }

  @Test func `blocks stand for themselves`() throws {
    let folder = TestFolder()
    let script = """
      import sys, zlib
      if sys.version_info >= (3, 14): from compression import zstd
      else: from backports import zstd
      block = open(sys.argv[2], 'rb').read()
      if sys.argv[1] == 'deflate': content = zlib.decompress(block, -15)
      else: content = zstd.decompress(block)
      sys.stdout.write(str(len(content)) + ' ' + str(sum(content)))
      """
    let compressors: [(String, any BlockCompressor)] = [
      ("deflate", try DeflateCompressor(level: 6, wrapper: .none)), ("zstd", try ZstdCompressor(level: 3, hasChecksum: false)),
    ]
    for (name, compressor) in compressors {
      for block in [Self.content, [], Array(Self.content.suffix(70_000))] {
        let output = ByteBuffer(capacity: 0)
        output.append("before")
        try block.withUnsafeBytes { try compressor.compress($0, into: output) }
        #expect(output.bytes.prefix(6).elementsEqual("before".utf8))
        try Data(output.bytes.dropFirst(6)).write(to: URL(filePath: folder.file("block")))
        #expect(try TestPython.run(script, name, folder.file("block")) == "\(block.count) \(block.reduce(0) { $0 + Int($1) })")
      }
    }
  }

  @Test(arguments: [
    ("none", Compression.none), ("gzip", .gzip(level: 6)), ("zstd", .zstd(level: 3)), ("gzip:1", .gzip(level: 1)),
    ("zstd:19", .zstd(level: 19)),
  ]) func `people write it so`(_ text: String, _ expected: Compression) {
    #expect(Compression(text) == expected)
  }

  @Test(arguments: ["", "gz", "GZIP", "gzip:", "gzip:0", "gzip:10", "gzip:x", "zstd:20", "zstd:-1", "none:1", "zstd:3:1"])
  func `anything else is refused`(_ text: String) {
    #expect(Compression(text) == nil)
  }

  @Test(arguments: [
    ("a.ndjson.gz", Compression.gzip), ("a.csv.zst", .zstd), ("a.ndjson", .none), ("gz", .none), ("a.GZ", .none),
    ("a.gz.ndjson", .none),
  ]) func `a file's name asks for its compression`(_ name: String, _ expected: Compression) {
    #expect(Compression(fileName: name) == expected)
  }
}
