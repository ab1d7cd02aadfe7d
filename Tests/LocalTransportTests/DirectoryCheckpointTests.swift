import Base
import Features
import Foundation
import Records
import Testing

@testable import LocalTransport

@Suite struct `Checkpoints in a directory` {
  private let folder = temporaryPath()

  private func store(_ prefix: String = "p-topic") throws -> DirectoryCheckpointStore {
    try DirectoryCheckpointStore(directory: folder, prefix: prefix)
  }

  private func save(_ text: String, _ store: DirectoryCheckpointStore, fence: Int64? = nil) throws {
    let fence = fence.map { Fence(generation: $0, owner: FenceOwner(token: "\($0)", name: "test")) }
    try Data(text.utf8).withUnsafeBytes { try store.save($0, of: 3, under: fence) }
  }

  private var files: Set<String> { Set((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []) }

  private func clear() {
    chmod(folder, 0o755)
    try? FileManager.default.removeItem(atPath: folder)
  }

  @Test func `the last one saved is the one loaded`() throws {
    defer { clear() }
    let store = try store()
    #expect(try store.load(3) == nil)
    for text in ["first", "second, longer than the first", "3"] {
      try save(text, store)
      #expect(try store.load(3)?.string == text)
    }
    #expect(try self.store().load(3)?.string == "3")
    #expect(files == ["p-topic-3-0.checkpoint", "p-topic-3-0-3.blocks"])
  }

  @Test func `partitions and prefixes that look alike are kept apart`() throws {
    defer { clear() }
    let (a, b) = (try store("a"), try store("a-3"))
    try save("of a", a, fence: 4)
    try save("of a-3", b, fence: 4)
    #expect(try a.load(3)?.string == "of a")
    #expect(try b.load(3)?.string == "of a-3")
    #expect(try a.load(4) == nil)
    #expect(try store("a-3-3").load(4) == nil)
  }

  @Test func `the newer owner's checkpoint is loaded whatever an older one saves, which then learns of it`() throws {
    defer { clear() }
    let (old, new) = (try store(), try store())
    try save("old", old, fence: 5)
    #expect(try new.load(3)?.string == "old")
    // A zombie may save until the new owner has.
    try save("older owner, later", old, fence: 5)
    try save("new", new, fence: 7)
    #expect(files == ["p-topic-3-7.checkpoint", "p-topic-3-7-1.blocks"])
    #expect(throws: CheckpointOvertaken(partition: 3)) { try save("zombie", old, fence: 5) }
    #expect(files == ["p-topic-3-7.checkpoint", "p-topic-3-7-1.blocks"])
    #expect(try store().load(3)?.string == "new")
  }

  @Test func `what a crash left is not loaded, and is cleared away by the next save`() throws {
    defer { clear() }
    let store = try store()
    try save("good", store, fence: 2)
    for name in ["p-topic-3-2-9.blocks", "p-topic-3-2.checkpoint.new", "p-topic-3-1.checkpoint", "p-topic-3-1-1.blocks"] {
      try Data("rubbish".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }
    #expect(try self.store().load(3)?.string == "good")
    try save("better", self.store(), fence: 2)
    #expect(files == ["p-topic-3-2.checkpoint", "p-topic-3-2-10.blocks"])
    #expect(try self.store().load(3)?.string == "better")
  }

  @Test func `a torn or lost file is an error by name`() throws {
    defer { clear() }
    try save(String(repeating: "state ", count: 1000), store())
    let blocks = "\(folder)/p-topic-3-0-1.blocks"
    let good = try Data(contentsOf: URL(fileURLWithPath: blocks))
    try good.dropLast().write(to: URL(fileURLWithPath: blocks))
    let torn = #expect(throws: Failure.self) { try store().load(3) }
    #expect(torn?.message == "file:\(folder): the checkpoint of partition 3 is damaged: the checksum of block 0 is wrong")
    #expect(torn?.code == .badData)
    unlink(blocks)
    let lost = #expect(throws: Failure.self) { try store().load(3) }
    #expect(lost?.message == "file:\(folder): the checkpoint of partition 3 is damaged: it names blocks that are not there")
    let manifest = "\(folder)/p-topic-3-0.checkpoint"
    try Data(contentsOf: URL(fileURLWithPath: manifest)).dropLast(3).write(to: URL(fileURLWithPath: manifest))
    let cut = #expect(throws: Failure.self) { try store().load(3) }
    #expect(cut?.message == "file:\(folder): the checkpoint of partition 3 is damaged: its checksum is wrong")
  }

  @Test func `a checkpoint of an earlier version is refused by name`() throws {
    defer { clear() }
    let store = try store()
    try Data("TFRSPRT1".utf8).write(to: URL(fileURLWithPath: "\(folder)/p-topic-3.checkpoint"))
    let failure = #expect(throws: Failure.self) { try store.load(3) }
    #expect(
      failure?.message
        == "the checkpoint '\(folder)/p-topic-3.checkpoint' was saved by an earlier version, with format 3, which this version does not "
        + "read; remove the file to start anew")
    #expect(failure?.code == .badConfiguration)
  }

  @Test func `a directory that went away or cannot be made is an error by name`() throws {
    defer { clear() }
    let store = try store()
    try FileManager.default.removeItem(atPath: folder)
    let gone = #expect(throws: Failure.self) { try save("x", store) }
    #expect(gone?.message == "cannot read the checkpoint '\(folder)': No such file or directory")
    #expect(gone?.code == .inputOutput)
    let nowhere = #expect(throws: Failure.self) { try DirectoryCheckpointStore(directory: "\(folder)/a/b", prefix: "p") }
    #expect(nowhere?.message == "cannot make the checkpoint directory '\(folder)/a/b': No such file or directory")
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func `a full disk leaves the old checkpoint, and says so`() throws {
    defer { clear() }
    let store = try store()
    try save("good", store)
    #expect(symlink("/dev/full", "\(folder)/p-topic-3-0.checkpoint.new") == 0)
    let full = #expect(throws: Failure.self) { try save("better", store) }
    #expect(
      full?.message == "cannot write to file:\(folder)/p-topic-3-0.checkpoint.new after 0 bytes: No space left on device")
    #expect(full?.code == .inputOutput)
    #expect(files == ["p-topic-3-0.checkpoint", "p-topic-3-0-1.blocks"])
    #expect(try self.store().load(3)?.string == "good")
    try save("better", store)
    #expect(try self.store().load(3)?.string == "better")
  }
}
