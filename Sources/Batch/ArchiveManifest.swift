// The manifest of one partition, as those see it who write: a file that is opened and locked anew each time, so that an archive
// which was moved away or made anew is noticed. What stands in it is the position of the archive; there is no other.
//
//   lock -> look at the end -> (cut off a torn line, give a committed part its name) -> append -> sync -> unlock

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A manifest that is locked until this is released.
final class LockedManifest {
  let path: String
  private let source: String
  private let partition: PartitionIndex
  private let descriptor: Int32

  /// Of the end of a manifest so much is read before a commit; a line is shorter.
  private static let tailByteCount: Int64 = 1 << 18
  private static let lockPauseMicroseconds: UInt32 = 20_000

  /// Waits for the lock.
  ///
  /// - Parameters:
  ///   - archive: The archive's directory.
  ///   - creates: Whether a manifest that is not there is made; otherwise that is a failure.
  ///   - patience: How long the lock may be another's, in ms.
  init(
    in archive: String, source: String, _ partition: PartitionIndex, creates: Bool, patience: Int64, clock: any Clock
  ) throws(Failure) {
    let path = ArchiveLayout.manifestPath(archive, source: source, partition)
    self.path = path
    self.source = source
    self.partition = partition
    let deadline = clock.monotonicNanoseconds + UInt64(patience) * 1_000_000
    while true {
      let isNew = !ArchiveFiles.exists(path)
      let opened = open(path, O_RDWR | O_CLOEXEC | (creates ? O_CREAT : 0), 0o644)
      guard opened >= 0 else {
        if errno == ENOENT {
          throw Failure(.inputOutput, "archive: '\(path)' has vanished, and with it what says how far the archive is")
        }
        throw ArchiveFiles.failure("open", path)
      }
      do {
        try Self.lock(opened, path, until: deadline, patience, clock)
        if isNew, let folder = ArchiveFiles.parent(of: path) { try ArchiveFiles.synchronizeFolder(folder) }
      } catch {
        _ = close(opened)
        throw error
      }
      // Whoever replaced the file meanwhile would not see what is written into this one.
      if Self.isSame(opened, path) {
        descriptor = opened
        return
      }
      _ = close(opened)
    }
  }

  deinit { _ = close(descriptor) }

  private static func lock(
    _ descriptor: Int32, _ path: String, until deadline: UInt64, _ patience: Int64, _ clock: any Clock
  ) throws(Failure) {
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR else { throw ArchiveFiles.failure("lock", path) }
      guard clock.monotonicNanoseconds < deadline else {
        throw Failure(
          .inputOutput,
          "archive: '\(path)' has been locked by another process for \(patience / 1000) s; is one of them frozen in the middle of a commit?"
        )
      }
      usleep(lockPauseMicroseconds)
    }
  }

  private static func isSame(_ descriptor: Int32, _ path: String) -> Bool {
    var opened = stat()
    var named = stat()
    guard fstat(descriptor, &opened) == 0, stat(path, &named) == 0 else { return false }
    return opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
  }

  private func byteCount() throws(Failure) -> Int64 {
    var information = stat()
    guard fstat(descriptor, &information) == 0 else { throw ArchiveFiles.failure("read", path) }
    return Int64(information.st_size)
  }

  /// All whole lines; a torn one behind them is cut off.
  func readAll() throws(Failure) -> ManifestText.Content {
    let bytes = try ArchiveFiles.content(of: descriptor, path)
    let content = try ManifestText.read(bytes.bytes, source: source, partition: partition, name: path)
    if Int64(bytes.count) > content.byteCount { try cut(to: content.byteCount) }
    return content
  }

  /// The last line; a torn one behind it is cut off.
  func readLast() throws(Failure) -> ArchivedFile? {
    let size = try byteCount()
    let start = max(0, size - Self.tailByteCount)
    let tail = ByteBuffer(capacity: Int(size - start))
    while tail.count < Int(size - start) {
      let count = pread(descriptor, tail.base + tail.count, Int(size - start) - tail.count, off_t(start) + off_t(tail.count))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw ArchiveFiles.failure("read", path) }
      if count == 0 { break }
      tail.count += count
    }
    let lines = tail.bytes
    let lastEnd = lines.lastIndex(of: UInt8(ascii: "\n"))
    let lastStart = lastEnd.flatMap { lines[..<$0].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } } ?? 0
    // Torn in a way that only a look at all of it tells.
    guard let lastEnd, lastStart > 0 || start == 0, !lines[lastStart..<lastEnd].contains(0) else { return try readAll().files.last }
    if lastEnd + 1 < lines.count { try cut(to: start + Int64(lastEnd) + 1) }
    let line = UnsafeBufferPointer(rebasing: lines[lastStart...lastEnd])
    return try ManifestText.read(line, source: source, partition: partition, name: "\(path), its end").files.last
  }

  private func cut(to byteCount: Int64) throws(Failure) {
    guard ftruncate(descriptor, off_t(byteCount)) == 0 else { throw ArchiveFiles.failure("cut off a torn line of", path) }
    try ArchiveFiles.synchronize(descriptor, path)
  }

  /// Adds a line. Where that fails, what was written of it is cut off again; if that fails, too, the next one to lock the manifest
  /// finds it torn, or whole, and then it counts.
  func append(_ file: ArchivedFile, afterWriting step: () throws -> Void) throws {
    let size = try byteCount()
    let line = Array(ManifestText.line(file).utf8)
    do {
      guard lseek(descriptor, off_t(size), SEEK_SET) == off_t(size) else { throw ArchiveFiles.failure("write to", path) }
      try line.withUnsafeBytes { try ArchiveFiles.write($0, to: descriptor, path) }
    } catch {
      _ = ftruncate(descriptor, off_t(size))
      throw error
    }
    try step()
    do { try ArchiveFiles.synchronize(descriptor, path) } catch {
      _ = ftruncate(descriptor, off_t(size))
      throw error
    }
  }

  /// Gives the part of a committed file its name, where that has not been done yet; false where it is nowhere.
  func settle(_ file: ArchivedFile, in archive: String) throws(Failure) -> Bool {
    let final = "\(archive)/\(file.path)"
    let parts = ArchiveLayout.partFolder(archive, source: source)
    let part = "\(parts)/\(file.partName)"
    // A file that has the name already, where the part is still there, belongs to a manifest that somebody has removed.
    guard !file.partName.isEmpty, ArchiveFiles.exists(part) else { return ArchiveFiles.exists(final) }
    let folder = ArchiveFiles.parent(of: final)!
    try ArchiveFiles.makeFolder(folder)
    guard rename(part, final) == 0 else { throw ArchiveFiles.failure("rename to '\(final)' the file", part) }
    try ArchiveFiles.synchronizeFolder(folder)
    try ArchiveFiles.synchronizeFolder(parts)
    return true
  }
}
