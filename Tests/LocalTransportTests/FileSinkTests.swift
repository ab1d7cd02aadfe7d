// One file, a descriptor, or nowhere: what arrives, what is counted, and how they end.

import Base
import Compression
import Foundation
import Records
import TestSupport
import Testing

@testable import LocalTransport

@Suite struct FileSinkTests {
  @Test func `a file holds the lines of every batch and nothing else`() throws {
    let path = NSTemporaryDirectory() + "/freshet-\(UUID().uuidString)"
    defer { unlink(path) }
    let sink = try FileSink(path: path)
    try sink.write(lineBatch(["{\"a\":1}", "{}"]))
    try sink.write(lineBatch(["[]"]))
    try sink.finish(timeoutMilliseconds: 0)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "{\"a\":1}\n{}\n[]\n")
    #expect(sink.name == "file:\(path)")
    #expect(sink.delivery.written == 3 && sink.delivery.delivered == 3 && sink.delivery.writtenByteCount == 11)
  }

  @Test func `a reader that went away ends the work quietly`() throws {
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    close(ends[0])
    defer { close(ends[1]) }
    let sink = try FileSink(descriptor: ends[1], name: "stdout")
    #expect(throws: ClosedPipe.self) { try sink.write(lineBatch(["{}"])) }
    #expect(sink.delivery.written == 1 && sink.delivery.delivered == 0)
  }

  @Test func `a pipe that takes little at a time gets everything`() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    let lines = (0..<20_000).map { "{\"number\":\($0)}" }
    let reader = ends[0]
    let received = Received()
    let thread = JoinableThread { received.read(reader) }
    try FileSink(descriptor: ends[1], name: "stdout").write(lineBatch(lines))
    close(ends[1])
    try thread.join()
    close(ends[0])
    #expect(received.text == lines.joined(separator: "\n") + "\n")
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"))) func `a full device is named, with how far it came`()
    throws
  {
    let sink = try FileSink(path: "/dev/full")
    do {
      try sink.write(lineBatch(["{}"]))
      Issue.record("the device takes bytes")
    } catch let failure as Failure {
      #expect(failure.code == .inputOutput)
      #expect(failure.message == "cannot write to file:/dev/full after 0 bytes: No space left on device")
    }
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func `a full device under a compressor is found at the end`()
    throws
  {
    for compression in [Compression.gzip, .zstd] {
      let sink = try FileSink(path: "/dev/full", compression: compression)
      try sink.write(lineBatch(["{}", "{}"]))
      #expect(sink.delivery.written == 2 && sink.delivery.delivered == 0 && sink.delivery.failed == 0)
      let message = "cannot write to file:/dev/full after 0 bytes: No space left on device"
      for _ in 0..<2 {
        // Once it has failed, nothing more is taken.
        do {
          if sink.delivery.failed == 0 { try sink.finish(timeoutMilliseconds: 0) } else { try sink.write(lineBatch(["{}"])) }
          Issue.record("the device takes bytes")
        } catch let failure as Failure {
          #expect(failure.code == .inputOutput && failure.message == message)
        }
        #expect(sink.delivery.written == 2 && sink.delivery.failed == 2 && sink.delivery.firstFailure == message)
      }
      try sink.finish(timeoutMilliseconds: 0)
    }
  }

  @Test func `of lines that were cut off, the whole ones count as delivered`() throws {
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    let setPipeSize: Int32 = 1031
    let capacity = Int(fcntl(ends[0], setPipeSize, 4096))
    // Lines of 101 bytes, more than the pipe holds; who reads goes away when it is full.
    let lines = Array(repeating: String(repeating: "x", count: 100), count: capacity / 50)
    let sink = try FileSink(descriptor: ends[1], name: "stdout")
    let (read, write) = (ends[0], ends[1])
    let thread = JoinableThread {
      _ = waitUntil {
        var count: Int32 = 0
        return ioctl(read, UInt(FIONREAD), &count) == 0 && Int(count) == capacity
      }
      close(read)
    }
    #expect(throws: ClosedPipe.self) { try sink.write(lineBatch(lines)) }
    try thread.join()
    close(write)
    #expect(sink.delivery.delivered == Int64(capacity / 101))
    #expect(sink.delivery.written == sink.delivery.delivered + sink.delivery.failed)
  }

  @Test func `a descriptor that was closed is named`() throws {
    let sink = try FileSink(descriptor: -1, name: "stdout")
    do {
      try sink.write(lineBatch(["{}"]))
      Issue.record("a descriptor that is not open takes bytes")
    } catch let failure as Failure {
      #expect(failure.code == .inputOutput && failure.message == "cannot write to stdout after 0 bytes: Bad file descriptor")
    }
  }

  @Test func `a named pipe takes lines, compressed or not`() throws {
    for (compression, command) in [(Compression.none, "cat"), (.gzip, "gzip -dc"), (.zstd, "zstd -dc")] {
      let folder = TestFolder()
      let path = folder.file("pipe")
      #expect(mkfifo(path, 0o600) == 0)
      let reader = try Program("sh", ["-c", "\(command) < \(path)"])
      let sink = try FileSink(path: path, compression: compression)
      for _ in 0..<100 { try sink.write(lineBatch((0..<100).map { "line \($0)" })) }
      try sink.finish(timeoutMilliseconds: 0)
      #expect(reader.wait(timeout: 60).lines.count == 10_000)
    }
  }

  @Test func `a file that cannot be made is named at once, and a later one when its turn comes`() throws {
    let folder = TestFolder()
    let path = folder.file("no/such/a.txt")
    do {
      _ = try FileSink(path: path)
      Issue.record("a file without a folder was made")
    } catch let failure as Failure {
      #expect(failure.code == .inputOutput && failure.message == "cannot create '\(path)': No such file or directory")
    }
    let sink = try FileSink(path: path, rolling: FileRolling(recordCount: 1))
    do {
      try sink.write(lineBatch(["1"]))
      Issue.record("a file without a folder was made")
    } catch let failure as Failure {
      #expect(failure.message == "cannot create '\(folder.file("no/such/a-00001.txt.part"))': No such file or directory")
    }
    #expect(sink.delivery.failed == 1)
  }

  @Test func `a name that is taken by a folder is told`() throws {
    let folder = TestFolder()
    try FileManager.default.createDirectory(atPath: folder.file("a-00001/x"), withIntermediateDirectories: true)
    let sink = try FileSink(path: folder.file("a"), rolling: FileRolling(recordCount: 1))
    do {
      try sink.write(lineBatch(["1", "2"]))
      Issue.record("a folder was replaced")
    } catch let failure as Failure {
      let path = folder.file("a-00001")
      #expect(failure.code == .inputOutput && failure.message == "cannot rename '\(path).part' to '\(path)': Is a directory")
    }
  }

  @Test func `devices and folders do not follow each other`() throws {
    let folder = TestFolder()
    #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
    for (path, kind) in [
      ("/dev/null", "a device"), ("/dev/stdout", "a device"), (folder.path, "a folder"), (folder.file("pipe"), "a pipe"),
    ] {
      do {
        _ = try FileSink(path: path, rolling: FileRolling(recordCount: 1))
        Issue.record("\(path) was taken")
      } catch let failure as Failure {
        #expect(failure.code == .usage)
        #expect(failure.message == "file:\(path): files follow each other only as plain files, and this is \(kind)")
      }
    }
  }

  @Test func `streams need names of their own`() throws {
    func message(_ names: [String]) -> String? {
      do {
        _ = try FileSink(path: "{stream}", streams: names.map { FileStream(name: $0) })
        return nil
      } catch { return "\(error)" }
    }
    #expect(message([]) == "file:{stream}: {stream} needs a schema whose events have names")
    #expect(message(["a b", "a_b"]) == "file:{stream}: the events 'a b' and 'a_b' would share a file, 'a_b'")
    #expect(
      message((0..<129).map(String.init))
        == "file:{stream}: {stream} would have 129 files open at once; expected at most 128 events")
  }

  @Test func `the extension or the choice says how it is compressed`() throws {
    let folder = TestFolder()
    func start(_ name: String, _ compression: Compression?) throws -> [UInt8] {
      let sink = try FileSink(path: folder.file(name), compression: compression)
      try sink.write(lineBatch(["{}"]))
      try sink.finish(timeoutMilliseconds: 0)
      return Array(try Data(contentsOf: URL(filePath: folder.file(name))).prefix(2))
    }
    #expect(try start("a.gz", nil) == [0x1f, 0x8b])
    #expect(try start("a.zst", nil) == [0x28, 0xb5])
    #expect(try start("a.gz", Compression.none) == Array("{}".utf8))
    #expect(try start("a", .gzip) == [0x1f, 0x8b])
  }

  @Test func `nothing is written nowhere, and counted`() {
    let sink = NullSink()
    sink.write(lineBatch(["{}", "{}"]))
    #expect(sink.delivery.delivered == 2 && sink.delivery.writtenByteCount == 4)
  }
}

/// What came out of a pipe.
private final class Received: @unchecked Sendable {
  private(set) var text = ""

  func read(_ descriptor: Int32) {
    text = String(decoding: FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).readDataToEndOfFile(), as: UTF8.self)
  }
}
