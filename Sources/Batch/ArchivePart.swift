// A file of the archive while it is written, in the folder of unfinished files. Its descriptor holds a lock for as long as its
// writer lives, which is how others tell a part that nobody will finish from one that somebody still writes.

import Base
import Compression
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

final class ArchivePart {
  let first: Offset
  /// Hours since the epoch of the partition's stream time; nil before the first event time.
  let hour: Int64?
  /// By the monotonic clock, in ms.
  let begunAt: Int64
  private(set) var recordCount: Int64 = 0
  private(set) var byteCount: Int64 = 0
  private(set) var minTime: Int64 = .max
  private(set) var maxTime: Int64 = .min
  private(set) var gaps: [OffsetGap] = []
  let name: String
  private let path: String
  private let descriptor: Int32
  private let compressor: (any StreamCompressor)?
  private let staged = ByteBuffer(capacity: ArchivePart.stagedByteCount)
  private(set) var storedByteCount: Int64 = 0

  private static let stagedByteCount = 1 << 17

  /// Creates the file.
  ///
  /// - Parameters:
  ///   - folder: Of unfinished files; it is there.
  ///   - name: Nobody else's.
  init(folder: String, name: String, first: Offset, hour: Int64?, compression: Compression, begunAt: Int64) throws {
    self.first = first
    self.hour = hour
    self.begunAt = begunAt
    self.name = name
    path = "\(folder)/\(name)"
    compressor = try compression.makeStreamCompressor()
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ArchiveFiles.failure("create", path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      _ = close(descriptor)
      throw ArchiveFiles.failure("lock", path, code: code)
    }
  }

  /// Whoever goes without a word leaves the file to those who tidy up.
  deinit { _ = close(descriptor) }

  /// Whether it is still there under its name, and not taken for one that was left behind before it was locked.
  var isInPlace: Bool {
    var information = stat()
    return fstat(descriptor, &information) == 0 && information.st_nlink > 0
  }

  func addGap(_ gap: OffsetGap) {
    guard gap.count > 0 else { return }
    if let last = gaps.last, last.first + last.count == gap.first {
      gaps[gaps.count - 1].count += gap.count
    } else {
      gaps.append(gap)
    }
  }

  /// Adds a line; `time` is `Int64.min` where the record has none.
  func add(_ value: UnsafeBufferPointer<UInt8>, time: Int64) throws {
    Self.appendLine(value, to: staged)
    recordCount += 1
    byteCount += Int64(value.count) + 1
    if time != .min {
      minTime = min(minTime, time)
      maxTime = max(maxTime, time)
    }
    if staged.count >= Self.stagedByteCount { try writeStaged() }
  }

  /// The value and a line feed. A value with line feeds or carriage returns of its own gets others in their place, so that it is
  /// one line of the same length and the same meaning: blanks between tokens, and inside a string, where JSON allows neither,
  /// another character that it does not allow.
  static func appendLine(_ value: UnsafeBufferPointer<UInt8>, to lines: ByteBuffer) {
    let start = lines.count
    lines.append(value)
    lines.append(UInt8(ascii: "\n"))
    guard let base = value.baseAddress, memchr(base, 10, value.count) != nil || memchr(base, 13, value.count) != nil else { return }
    var isInString = false
    var isEscaped = false
    for index in start..<lines.count - 1 {
      let byte = lines.base[index]
      if byte == 10 || byte == 13 { lines.base[index] = isInString ? 0x1f : UInt8(ascii: " ") }
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = isInString
      } else if byte == UInt8(ascii: "\"") {
        isInString.toggle()
      }
    }
  }

  private func writeStaged() throws {
    try output(UnsafeRawBufferPointer(staged.bytes))
    staged.removeAll()
  }

  private func output(_ bytes: UnsafeRawBufferPointer) throws {
    guard let compressor else { return try store(bytes) }
    try compressor.compress(bytes) { try store($0) }
  }

  private func store(_ bytes: UnsafeRawBufferPointer) throws {
    try ArchiveFiles.write(bytes, to: descriptor, path)
    storedByteCount += Int64(bytes.count)
  }

  /// Writes the rest, and waits until all is on its device.
  func complete() throws {
    try writeStaged()
    try compressor?.finish { try store($0) }
    try ArchiveFiles.synchronize(descriptor, path)
  }

  /// Takes the file away.
  func remove() { unlink(path) }

  // MARK: Parts left behind

  /// Removes parts of a partition whose writers are gone.
  static func tidy(_ folder: String, prefix: String) throws(Failure) {
    for name in try ArchiveFiles.names(in: folder) ?? [] where name.hasPrefix(prefix) {
      let path = "\(folder)/\(name)"
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
      _ = close(descriptor)
    }
  }
}
