// Blocks of checkpoints as files of a directory. Names carry the generation of the fence under which they were written (0 where there is none):
//
//   PREFIX-PARTITION-FENCE.checkpoint         the manifest: written aside, synced, renamed
//   PREFIX-PARTITION-FENCE-NUMBER.blocks      the blocks of one save, one behind the other
//
// The manifest with the highest fence is the checkpoint. An owner writes under its own fence and removes what is below, so one that was overtaken
// can never put an older state in front; what it writes late is not read, and removed by the next save.

import Base
import Checkpoints
import Features
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public final class DirectoryBlockMedium: BlockMedium {
  private let directory: String
  private let prefix: String
  /// The file of the generation that was begun last.
  private var writer: FileDescriptorWriter?

  /// A generation is the fence's, then this many bits of a number.
  private static let numberBits: Int64 = 28

  /// The directory is made if it is not there.
  init(directory: String, prefix: String) throws(Failure) {
    self.directory = directory
    self.prefix = prefix
    guard mkdir(directory, 0o755) == 0 || errno == EEXIST else {
      throw Failure(.inputOutput, "cannot make the checkpoint directory '\(directory)': \(String(cString: strerror(errno)))")
    }
  }

  public var name: String { "file:\(directory)" }

  // MARK: Names

  private enum Found: Hashable {
    case manifest(fence: Int64)
    case blocks(generation: Int64)
    case unfinished

    var fence: Int64? {
      switch self {
      case .manifest(let fence): fence
      case .blocks(let generation): generation >> DirectoryBlockMedium.numberBits
      case .unfinished: nil
      }
    }
  }

  private func start(of partition: PartitionIndex) -> String { "\(prefix)-\(partition)-" }

  private func manifestPath(_ partition: PartitionIndex, fence: Int64) -> String {
    "\(directory)/\(start(of: partition))\(fence).checkpoint"
  }

  private func blocksPath(_ partition: PartitionIndex, _ generation: Int64) -> String {
    let number = generation & (1 << Self.numberBits - 1)
    return "\(directory)/\(start(of: partition))\(generation >> Self.numberBits)-\(number).blocks"
  }

  /// The files of a partition.
  private func files(of partition: PartitionIndex) throws(Failure) -> [(name: String, what: Found)] {
    guard let stream = opendir(directory) else { throw failure("read", directory) }
    defer { closedir(stream) }
    let start = start(of: partition)
    var found: [(name: String, what: Found)] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard name.hasPrefix(start), let dot = name.lastIndex(of: ".") else { continue }
      let numbers = name[name.index(name.startIndex, offsetBy: start.count)..<dot].split(
        separator: "-", omittingEmptySubsequences: false
      ).map { Int64($0) }
      switch (name[dot...], numbers.count) {
      case (".checkpoint", 1): if let fence = numbers[0] { found.append((name, .manifest(fence: fence))) }
      case (".blocks", 2):
        if let fence = numbers[0], let number = numbers[1] {
          found.append((name, .blocks(generation: fence << Self.numberBits | number)))
        }
      case (".new", _): found.append((name, .unfinished))
      default: break
      }
    }
    return found
  }

  private func highestFence(_ files: [(name: String, what: Found)]) -> Int64? {
    files.compactMap { if case .manifest(let fence) = $0.what { fence } else { nil } }.max()
  }

  // MARK: Save

  public func begin(_ partition: PartitionIndex, under fence: Fence?) throws -> Int64 {
    let own = fence?.generation ?? 0
    let taken = try files(of: partition).compactMap { file -> Int64? in
      if case .blocks(let generation) = file.what, generation >> Self.numberBits == own { generation } else { nil }
    }
    let generation = (taken.max() ?? own << Self.numberBits) + 1
    writer = try FileDescriptorWriter(path: blocksPath(partition, generation))
    return generation
  }

  public func write(_ blocks: [UnsafeRawBufferPointer], from ordinal: Int, of partition: PartitionIndex, _ generation: Int64) throws
  {
    for block in blocks { try writer?.write(block) }
  }

  public func publish(
    _ manifest: BlockManifest, encoded: UnsafeRawBufferPointer, over base: Int64?, of partition: PartitionIndex, under fence: Fence?
  ) throws {
    try finish(&writer)
    let own = fence?.generation ?? 0
    let before = try files(of: partition)
    if let highest = highestFence(before), highest > own { throw CheckpointOvertaken(partition: partition) }
    let there = Set(before.map(\.what))
    guard manifest.generations.allSatisfy({ there.contains(.blocks(generation: $0)) }) else { throw StaleBase() }
    let path = manifestPath(partition, fence: own)
    do {
      var aside: FileDescriptorWriter? = try FileDescriptorWriter(path: path + ".new")
      try aside?.write(encoded)
      try finish(&aside)
    } catch {
      unlink(path + ".new")
      throw error
    }
    guard rename(path + ".new", path) == 0 else { throw failure("rename", path) }
    try synchronizeDirectory()
    let named = manifest.generations
    for (name, what) in before {
      switch what {
      case .manifest(let fence) where fence < own: break
      case .blocks(let generation) where generation >> Self.numberBits <= own && !named.contains(generation): break
      case .unfinished where name != "\(start(of: partition))\(own).checkpoint.new": break
      default: continue
      }
      unlink("\(directory)/\(name)")
    }
  }

  /// Syncs and closes a file.
  private func finish(_ writer: inout FileDescriptorWriter?) throws {
    try writer?.synchronize()
    try writer?.close()
    writer = nil
  }

  private func synchronizeDirectory() throws {
    let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw failure("open", directory) }
    defer { _ = Glibc.close(folder) }
    guard fsync(folder) == 0 || errno == EINVAL else { throw failure("sync", directory) }
  }

  public func abandon(_ generation: Int64, of partition: PartitionIndex) {
    writer = nil
    unlink(blocksPath(partition, generation))
  }

  // MARK: Load

  public func manifest(of partition: PartitionIndex) throws -> ByteBuffer? {
    for _ in 0..<5 {
      let files = try files(of: partition)
      guard let fence = highestFence(files) else {
        try refuseEarlierFormat(of: partition)
        return nil
      }
      let path = manifestPath(partition, fence: fence)
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      // A newer owner has just removed it.
      if descriptor < 0, errno == ENOENT { continue }
      guard descriptor >= 0 else { throw failure("open", path) }
      defer { _ = Glibc.close(descriptor) }
      let content = ByteBuffer(capacity: 1 << 16)
      while true {
        content.reserve(1 << 16)
        let count = Glibc.read(descriptor, content.base + content.count, 1 << 16)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw failure("read", path) }
        if count == 0 { return content }
        content.count += count
      }
    }
    throw Failure(.badData, "\(name): the checkpoint of partition \(partition) changes again and again while it is read")
  }

  /// Until format 3 one file held everything.
  private func refuseEarlierFormat(of partition: PartitionIndex) throws(Failure) {
    let path = "\(directory)/\(prefix)-\(partition).checkpoint"
    guard let file = fopen(path, "r") else { return }
    defer { fclose(file) }
    var start = [UInt8](repeating: 0, count: 8)
    guard fread(&start, 1, 8, file) == 8, start == Array("TFRSPRT1".utf8) else { return }
    throw Failure(
      .badConfiguration,
      "the checkpoint '\(path)' was saved by an earlier version, with format 3, which this version does not read; remove the file to "
        + "start anew")
  }

  public func read(
    _ blocks: ArraySlice<BlockReference>, of partition: PartitionIndex, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Bool {
    guard let generation = blocks.first?.generation else { return true }
    let path = blocksPath(partition, generation)
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0, errno == ENOENT { return false }
    guard descriptor >= 0 else { throw failure("open", path) }
    defer { _ = Glibc.close(descriptor) }
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * BlockManifest.blockByteCount, alignment: 16)
    defer { bytes.deallocate() }
    for block in blocks {
      var count = 0
      while count < block.byteCount {
        let got = pread(
          descriptor, bytes.baseAddress! + count, Int(block.byteCount) - count,
          off_t(truncatingIfNeeded: block.offset) &+ off_t(count))
        if got < 0, errno == EINTR { continue }
        guard got >= 0 else { throw failure("read", path) }
        // Torn: what is there is shorter than its manifest says, which the checksum tells.
        if got == 0 { break }
        count += got
      }
      try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<count]))
    }
    return true
  }

  private func failure(_ action: String, _ path: String) -> Failure {
    Failure(.inputOutput, "cannot \(action) the checkpoint '\(path)': \(String(cString: strerror(errno)))")
  }
}
