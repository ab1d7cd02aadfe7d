// One file of a sink while it is written.
//
//   lines   -> [ staged, where several files take turns ] -> [ compressor ] -> descriptor
//   records -> [ Avro block ] ----------------------------->
//
// A file of several is written under `NAME.part`, and gets its name when it is complete: who reads NAME sees all of it.

import Base
import Compression

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

final class OutputFile {
  /// Bytes before compression, the header included, and records: what a file is limited by.
  private(set) var contentByteCount: Int64 = 0
  private(set) var recordCount: Int64 = 0
  /// Records of which not every byte has been handed to the system.
  private(set) var heldRecordCount: Int64 = 0

  private let writer: FileDescriptorWriter
  private let compressor: (any StreamCompressor)?
  private let blocks: AvroBlocks?
  private let staged = ByteBuffer(capacity: 0)
  /// The name that it gets when it is complete, nil where it has it already.
  private let finalPath: String?
  private let writesThrough: Bool

  static let partSuffix = ".part"

  /// - Parameters:
  ///   - path: Where the file's name ends up.
  ///   - isPart: Whether it is written under another name first.
  convenience init(path: String, isPart: Bool, compression: Compression, content: FileContent) throws {
    let writer = try FileDescriptorWriter(path: isPart ? path + Self.partSuffix : path)
    try self.init(writer, finalPath: isPart ? path : nil, compression: compression, content: content)
  }

  /// Writes what the file begins with.
  init(_ writer: FileDescriptorWriter, finalPath: String? = nil, compression: Compression, content: FileContent) throws {
    self.writer = writer
    self.finalPath = finalPath
    compressor = try compression.makeStreamCompressor()
    switch content {
    case .lines(let header):
      blocks = nil
      writesThrough = compressor == nil
      try header.withUnsafeBytes { try output($0) }
      contentByteCount = Int64(header.count)
    case .avro(let container):
      let blocks = try AvroBlocks(container)
      self.blocks = blocks
      writesThrough = false
      let header = blocks.header()
      try output(header)
      contentByteCount = Int64(header.count)
    }
  }

  /// Takes lines. Without compression they are written on return, and those that were written whole before a failure do not count as held.
  func write(lines: UnsafeRawBufferPointer, count: Int) throws {
    precondition(blocks == nil, "lines do not go into an Avro container")
    take(lines.count, count)
    try output(whole: lines)
  }

  /// Takes lines to be written by `writeStaged`.
  func stage(lines: UnsafeRawBufferPointer, count: Int) {
    precondition(blocks == nil, "lines do not go into an Avro container")
    take(lines.count, count)
    staged.append(lines.bindMemory(to: UInt8.self))
  }

  func writeStaged() throws {
    guard staged.count > 0 else { return }
    try output(whole: UnsafeRawBufferPointer(staged.bytes))
    staged.removeAll()
  }

  /// Takes one binary record; writes the block that is full.
  func write(record: UnsafeBufferPointer<UInt8>) throws {
    guard let blocks else { preconditionFailure("binary records go into an Avro container") }
    take(record.count, 1)
    blocks.append(record)
    if blocks.isFull { try writeBlock(blocks) }
  }

  /// Writes the rest, waits until it is on its device, and gives the file its name.
  func complete() throws {
    try writeStaged()
    if let blocks, blocks.recordCount > 0 { try writeBlock(blocks) }
    try compressor?.finish { try writer.write($0) }
    if writer.ownsDescriptor { try writer.synchronize() }
    try writer.close()
    if let finalPath {
      let part = finalPath + Self.partSuffix
      guard rename(part, finalPath) == 0 else {
        throw Failure(.inputOutput, "cannot rename '\(part)' to '\(finalPath)': \(String(cString: strerror(errno)))")
      }
    }
    heldRecordCount = 0
  }

  private func take(_ byteCount: Int, _ count: Int) {
    contentByteCount += Int64(byteCount)
    recordCount += Int64(count)
    heldRecordCount += Int64(count)
  }

  private func writeBlock(_ blocks: AvroBlocks) throws {
    try output(try blocks.takeBlock())
    if compressor == nil { heldRecordCount = 0 }
  }

  /// Writes all lines that are held.
  private func output(whole lines: UnsafeRawBufferPointer) throws {
    guard writesThrough else { return try output(lines) }
    let before = writer.writtenByteCount
    do {
      try writer.write(lines)
      heldRecordCount = 0
    } catch {
      let written = lines.prefix(Int(writer.writtenByteCount - before))
      // A CSV value may have line feeds inside, and then this is a bound.
      heldRecordCount -= min(heldRecordCount, Int64(written.count { $0 == UInt8(ascii: "\n") }))
      throw error
    }
  }

  private func output(_ bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count > 0 else { return }
    if let compressor {
      try compressor.compress(bytes) { try writer.write($0) }
    } else {
      try writer.write(bytes)
    }
  }
}
