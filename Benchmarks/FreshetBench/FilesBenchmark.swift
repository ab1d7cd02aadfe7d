// Lines to files: into a pipe that another thread empties and into a device that takes everything, beside the bare write(2) of the same batches;
// then what gzip, zstd and rolling cost. Waits for a disk do not count.

import Base
import Compression
import Foundation
import LocalTransport
import Records

let filesBenchmark = Benchmark(name: "files") { scale in
  // More than zstd looks back, or it would find every batch again.
  let batches = (0..<16).map { lines(recordCount: 1024, seed: UInt64($0)) }
  let batch = batches[0]
  let count = scale.events(4_000_000) / batch.count * batch.count
  let turns = count / batch.count
  let pipe = try DrainedPipe()
  let folder = FileManager.default.temporaryDirectory.appending(path: "freshet-bench-\(getpid())")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }

  func run(_ sink: FileSink, _ turns: Int) throws {
    for turn in 0..<turns { try sink.write(batches[turn % batches.count]) }
    try sink.finish(timeoutMilliseconds: 0)
    precondition(sink.delivery.delivered == Int64(turns * batch.count), "every record was written")
  }

  let least = try leastSeconds(
    rounds: scale.rounds, clock: wallSeconds,
    [
      { for turn in 0..<turns { try pipe.write(batches[turn % batches.count].lines) } },
      { try run(FileSink(descriptor: pipe.writeEnd, name: "pipe"), turns) },
      { try run(FileSink(path: "/dev/null"), turns) },
    ])
  printFigure("files, bare write(2) into a pipe (\(batch.lineByteCount / batch.count) bytes)", seconds: least[0], events: count)
  printFigure("files, FileSink into a pipe", seconds: least[1], events: count)
  printRatio("  of the bare write's speed", least[0] / least[1], target: "0.85 or more")
  printFigure("files, FileSink into /dev/null", seconds: least[2], events: count)

  let compressedTurns = max(1, turns / 40)
  let compressedCount = compressedTurns * batch.count
  let rolledPath = folder.appending(path: "rolled.ndjson").path
  let costs = try leastSeconds(
    rounds: min(scale.rounds, 3),
    [
      { try run(FileSink(path: "/dev/null", compression: .gzip), compressedTurns) },
      { try run(FileSink(path: "/dev/null", compression: .zstd), compressedTurns) },
      { try run(FileSink(path: rolledPath, rolling: FileRolling(byteCount: 16 << 20)), compressedTurns) },
    ])
  for (name, seconds) in zip(["gzip, level 6", "zstd, level 3", "files of 16 MiB one after another"], costs) {
    printFigure("files, \(name)", seconds: seconds, events: compressedCount)
    print(String(format: "    %.0f MB/s", Double(compressedTurns * batch.lineByteCount) / seconds / 1e6))
  }
}

/// Lines that compress about as events do: fixed names, some random identifiers.
private func lines(recordCount: Int, seed: UInt64) -> RecordBatch {
  let batch = RecordBatch()
  var random = Random(state: seed)
  for index in 0..<recordCount {
    let start = batch.bytes.count
    batch.bytes.append("{\"event_id\":\"" + String(random.next(), radix: 16) + String(random.next(), radix: 16))
    batch.bytes.append("\",\"type\":\"page_view\",\"timestamp\":\"\(TimeText.rfc3339(1_767_225_600_000 + Int64(index) * 37))\"")
    batch.bytes.append(",\"user_id\":\"u-\(random.below(1_000_000))\",\"session_id\":\"\(String(random.next(), radix: 16))\"")
    batch.bytes.append(",\"page\":{\"path\":\"/product/\(random.below(5000))\",\"referrer\":\"https://www.example.com/\"}")
    batch.bytes.append(",\"price\":\(random.below(100_000)),\"currency\":\"EUR\",\"device\":\"ios\",\"country\":\"DE\"}")
    batch.append(RecordSlot(valueStart: UInt32(start), valueCount: UInt32(batch.bytes.count - start)))
    batch.bytes.append(UInt8(ascii: "\n"))
  }
  batch.lineByteCount = batch.bytes.count
  return batch
}

/// A pipe of 1 MiB whose reader throws everything away.
private final class DrainedPipe {
  let writeEnd: Int32
  private let reader: JoinableThread

  init() throws {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw POSIXError(.init(rawValue: errno)!) }
    let (readEnd, writeEnd) = (ends[0], ends[1])
    self.writeEnd = writeEnd
    // F_SETPIPE_SZ; a smaller pipe would do, more slowly.
    _ = fcntl(writeEnd, 1031, 1 << 20)
    reader = JoinableThread {
      let space = UnsafeMutableRawPointer.allocate(byteCount: 1 << 20, alignment: 64)
      defer { space.deallocate() }
      while read(readEnd, space, 1 << 20) > 0 {}
      close(readEnd)
    }
  }

  deinit {
    close(writeEnd)
    try? reader.join()
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Foundation.write(writeEnd, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      guard count > 0 else { throw POSIXError(.init(rawValue: errno)!) }
      rest = rest.dropFirst(count)
    }
  }
}
