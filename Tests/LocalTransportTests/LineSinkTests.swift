// Sinks that need no broker: what arrives, what is counted, and how they end.

import Base
import Foundation
import Records
import Testing

@testable import LocalTransport

@Suite struct LineSinkTests {
  private func batch(_ lines: [String]) -> RecordBatch {
    let batch = RecordBatch()
    for line in lines {
      batch.append(RecordSlot(valueStart: UInt32(batch.bytes.count), valueCount: UInt32(line.utf8.count)))
      batch.bytes.append(line + "\n")
    }
    batch.lineByteCount = batch.bytes.count
    // A key behind the lines is not written.
    batch.bytes.append("key")
    return batch
  }

  @Test func `a file holds the lines of every batch and nothing else`() throws {
    let path = NSTemporaryDirectory() + "/freshet-\(UUID().uuidString)"
    defer { unlink(path) }
    let sink = LineSink(try FileDescriptorWriter(path: path))
    try sink.write(batch(["{\"a\":1}", "{}"]))
    try sink.write(batch(["[]"]))
    sink.finish(timeoutMilliseconds: 0)
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
    let sink = LineSink(FileDescriptorWriter(descriptor: ends[1], name: "stdout"))
    #expect(throws: ClosedPipe.self) { try sink.write(batch(["{}"])) }
    #expect(sink.delivery.written == 0)
  }

  @Test func `a pipe that takes little at a time gets everything`() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    let lines = (0..<20_000).map { "{\"number\":\($0)}" }
    let reader = ends[0]
    let received = Received()
    let thread = JoinableThread { received.read(reader) }
    try LineSink(FileDescriptorWriter(descriptor: ends[1], name: "stdout")).write(batch(lines))
    close(ends[1])
    try thread.join()
    close(ends[0])
    #expect(received.text == lines.joined(separator: "\n") + "\n")
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"))) func `a full device is named, with how far it came`()
    throws
  {
    let sink = LineSink(try FileDescriptorWriter(path: "/dev/full"))
    do {
      try sink.write(batch(["{}"]))
      Issue.record("the device takes bytes")
    } catch let failure as Failure {
      #expect(failure.code == .inputOutput)
      #expect(failure.message == "cannot write to file:/dev/full after 0 bytes: No space left on device")
    }
  }

  @Test func `nothing is written nowhere, and counted`() {
    let sink = NullSink()
    sink.write(batch(["{}", "{}"]))
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
