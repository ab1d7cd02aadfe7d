// Checkpoints as files of a directory: written aside, synced, then renamed over the old one, so that a crash leaves the old or the new.

import Base
import Features
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public final class DirectoryCheckpointStore: CheckpointStore {
  private let directory: String
  private let prefix: String

  /// Files are named `PREFIX-PARTITION.checkpoint`; the directory is made if it is not there.
  public init(directory: String, prefix: String) throws(Failure) {
    self.directory = directory
    self.prefix = prefix
    guard mkdir(directory, 0o755) == 0 || errno == EEXIST else {
      throw Failure(.inputOutput, "cannot make the checkpoint directory '\(directory)': \(String(cString: strerror(errno)))")
    }
  }

  public func save(_ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?) throws {
    let path = path(of: partition)
    let writer = try FileDescriptorWriter(path: path + ".new")
    try writer.write(snapshot)
    try writer.synchronize()
    guard rename(path + ".new", path) == 0 else { throw failure("rename", path) }
    let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw failure("open", directory) }
    defer { _ = Glibc.close(folder) }
    guard fsync(folder) == 0 else { throw failure("sync", directory) }
  }

  public func load(_ partition: PartitionIndex) throws -> ByteBuffer? {
    let descriptor = open(path(of: partition), O_RDONLY | O_CLOEXEC)
    if descriptor < 0, errno == ENOENT { return nil }
    guard descriptor >= 0 else { throw failure("open", path(of: partition)) }
    defer { _ = Glibc.close(descriptor) }
    let content = ByteBuffer(capacity: 1 << 16)
    while true {
      content.reserve(1 << 16)
      let count = read(descriptor, content.base + content.count, 1 << 16)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("read", path(of: partition)) }
      if count == 0 { return content }
      content.count += count
    }
  }

  private func path(of partition: PartitionIndex) -> String { "\(directory)/\(prefix)-\(partition).checkpoint" }

  private func failure(_ action: String, _ path: String) -> Failure {
    Failure(.inputOutput, "cannot \(action) the checkpoint '\(path)': \(String(cString: strerror(errno)))")
  }
}
