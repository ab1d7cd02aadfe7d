// Records of one partition out of the archive, in the order of their offsets. Files come one after the other, each through its
// decompressor a piece at a time, so memory is that of a piece and the longest line, however large a file is or claims to be.
//
//   file -> [ piece 128 KiB ] -> decompressor -> [ lines | begun line ] -> batch: value, offset, partition
//
// What does not agree with the manifest is a failure that names the file: batch results over half an archive would look right.

import Base
import Compression
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Belongs to one thread.
public final class ArchiveReader {
  public let partition: PartitionIndex
  /// Files that are read, and those that were passed over because none of their records lies in the range of times.
  public let fileCount: Int
  public let skippedFileCount: Int
  /// Records that were given so far.
  public private(set) var recordCount: Int64 = 0
  private let path: String
  private let files: [ArchivedFile]
  private var fileIndex = 0
  private var open: OpenArchivedFile?

  /// A batch ends at so many bytes of values, whatever its number of records.
  public static let batchByteCount = 4 << 20

  /// - Parameters:
  ///   - firstTime: Files without an event time of at least this, in ms, are passed over; those that are read may hold earlier records.
  ///   - lastTime: The same for later ones.
  ///   - offset: Records before it are left out.
  public init(
    _ catalog: ArchiveCatalog, partition: PartitionIndex, from firstTime: Int64? = nil, through lastTime: Int64? = nil,
    at offset: Offset = 0
  ) {
    self.partition = partition
    path = catalog.path
    let all = catalog.files(of: partition)
    files = all.filter { file in
      if file.next <= offset { return false }
      if let firstTime, file.maxTime ?? .min < firstTime { return false }
      if let lastTime, file.minTime ?? .max > lastTime { return false }
      return true
    }
    fileCount = files.count
    skippedFileCount = all.count - files.count
    startOffset = offset
  }

  private let startOffset: Offset

  /// Empties `batch` and fills it with up to `maximumCount` records, or 4 MiB of them; false at the end, the batch is empty then. A
  /// batch never holds records of two files.
  public func read(into batch: RecordBatch, maximumCount: Int) throws -> Bool {
    precondition(maximumCount > 0, "a batch needs room for one record")
    batch.removeAll()
    while true {
      if open == nil {
        guard fileIndex < files.count else { return false }
        open = try OpenArchivedFile(files[fileIndex], in: path)
        fileIndex += 1
      }
      guard try open!.read(into: batch, maximumCount: maximumCount, startOffset: startOffset) else {
        open = nil
        continue
      }
      recordCount += Int64(batch.count)
      return true
    }
  }
}

/// A file that is being read, and checked against its line of the manifest.
private final class OpenArchivedFile {
  private let file: ArchivedFile
  private let name: String
  private let descriptor: Int32
  private let decompressor: (any StreamDecompressor)?
  private let piece: UnsafeMutableRawBufferPointer
  private var pieceStart = 0
  private var pieceEnd = 0
  private var isDrained = true
  private var isAtEnd = false
  /// Decompressed and not given yet: `lines.base[lineStart..<lines.count]`.
  private let lines = ByteBuffer(capacity: 1 << 18)
  private var lineStart = 0
  /// No line feed stands before this.
  private var searchStart = 0
  private var madeByteCount: Int64 = 0
  private var givenCount: Int64 = 0
  private var offset: Offset
  private var gapIndex = 0

  private static let pieceByteCount = 1 << 17
  private static let room = 1 << 17

  init(_ file: ArchivedFile, in path: String) throws {
    self.file = file
    offset = file.first
    name = "\(path)/\(file.path)"
    // Committed means named by the manifest; the file gets its own name right after that.
    let part = "\(ArchiveLayout.partFolder(path, source: file.source))/\(file.partName)"
    var found: Int32 = -1
    for candidate in [name, file.partName.isEmpty ? name : part, name] where found < 0 {
      found = Glibc.open(candidate, O_RDONLY | O_CLOEXEC)
      guard found >= 0 || errno == ENOENT else { throw ArchiveFiles.failure("open", candidate) }
    }
    guard found >= 0 else {
      let manifest = ArchiveLayout.manifestPath(path, source: file.source, file.partition)
      throw Failure(
        .noInput, "archive: '\(name)' is missing, and '\(manifest)' names it (offsets \(file.first) to \(file.next - 1))")
    }
    descriptor = found
    decompressor = try Compression(fileName: file.path).makeStreamDecompressor()
    piece = .allocate(byteCount: Self.pieceByteCount, alignment: 16)
  }

  deinit {
    _ = close(descriptor)
    piece.deallocate()
  }

  /// Fills `batch`; false where nothing is left, which the manifest then agrees with.
  func read(into batch: RecordBatch, maximumCount: Int, startOffset: Offset) throws -> Bool {
    while batch.count < maximumCount, batch.bytes.count < ArchiveReader.batchByteCount {
      if let end = lineEnd() {
        try give(UnsafeBufferPointer(start: lines.base + lineStart, count: end - lineStart), to: batch, startOffset)
        lineStart = end + 1
        searchStart = lineStart
      } else if isAtEnd {
        try checkEnd()
        return batch.count > 0
      } else {
        try makeMore()
      }
    }
    return true
  }

  private func lineEnd() -> Int? {
    guard searchStart < lines.count,
      let found = memchr(lines.base + searchStart, 10, lines.count - searchStart)
    else {
      searchStart = lines.count
      return nil
    }
    return UnsafeRawPointer(found) - UnsafeRawPointer(lines.base)
  }

  private func give(_ value: UnsafeBufferPointer<UInt8>, to batch: RecordBatch, _ startOffset: Offset) throws(Failure) {
    while gapIndex < file.gaps.count, file.gaps[gapIndex].first == offset {
      offset += file.gaps[gapIndex].count
      gapIndex += 1
    }
    guard givenCount < file.recordCount else { throw damaged("it holds more than \(file.recordCount) records") }
    if offset >= startOffset {
      batch.append(value: value, key: nil, timestamp: .min, offset: offset, partition: file.partition)
    }
    givenCount += 1
    offset += 1
  }

  /// Takes another piece through the decompressor.
  private func makeMore() throws {
    if lineStart > 0 {
      memmove(lines.base, lines.base + lineStart, lines.count - lineStart)
      lines.count -= lineStart
      searchStart -= lineStart
      lineStart = 0
    }
    if pieceStart == pieceEnd, isDrained { try readPiece() }
    let before = lines.count
    if let decompressor {
      let input = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(piece)[pieceStart..<pieceEnd])
      do {
        if isAtEnd {
          try decompressor.finish()
        } else {
          let step = try decompressor.decompress(input, into: lines, room: Self.room)
          pieceStart += step.takenCount
          isDrained = step.isDrained
        }
      } catch {
        throw damaged(error.message)
      }
    } else {
      lines.append(UnsafeBufferPointer(rebasing: piece[pieceStart..<pieceEnd].bindMemory(to: UInt8.self)[...]))
      pieceStart = pieceEnd
    }
    madeByteCount += Int64(lines.count - before)
    guard madeByteCount <= file.byteCount else { throw damaged("it holds more than \(file.byteCount) bytes") }
  }

  private func readPiece() throws(Failure) {
    pieceStart = 0
    while true {
      let count = Glibc.read(descriptor, piece.baseAddress, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw ArchiveFiles.failure("read", name) }
      pieceEnd = count
      isAtEnd = count == 0
      return
    }
  }

  private func checkEnd() throws(Failure) {
    guard lineStart == lines.count else { throw damaged("its last line has no end") }
    guard givenCount == file.recordCount else { throw damaged("it holds \(givenCount) records, not \(file.recordCount)") }
    guard madeByteCount == file.byteCount else { throw damaged("it holds \(madeByteCount) bytes, not \(file.byteCount)") }
  }

  private func damaged(_ what: String) -> Failure {
    Failure(.badData, "archive: '\(name)' is not what the manifest says: \(what)")
  }
}
