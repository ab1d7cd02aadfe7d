// Records into files: one, or one after another by size, count or time, or one for each stream; plain or compressed, as lines or as Avro
// containers. `FileNameTemplate` names the files, `OutputFile` writes one.
//
// A record counts as delivered when its bytes were handed to the system: for plain lines when `write` returns, for an Avro block when the block is
// full, for a compressed file when the file is complete. What a failure leaves behind counts as failed.

import Base
import Compression
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Writes batches to a descriptor or to files.
public final class FileSink: Sink {
  /// `file:PATH` as it was asked for, or the descriptor's name.
  public let name: String
  public private(set) var delivery = DeliveryCounts()

  /// How the files are named; nil for a descriptor that was given.
  private let template: FileNameTemplate?
  private let compression: Compression
  private let rolling: FileRolling
  private let streams: [FileStream]
  /// Whether the event of a record says which file is its own.
  private let isByStream: Bool
  /// Whether a file that is there already stays as it is.
  private let keepsFiles: Bool
  /// The file that each stream has open.
  private var files: [OutputFile?]
  /// How many files each stream has had.
  private var fileCounts: [Int]
  /// The period that the files hold; nothing goes back to an earlier one.
  private var period: Int64 = .min
  /// Records that were given to a file.
  private var takenCount: Int64 = 0
  /// What ended the work, if something did.
  private var failure: (any Error)?
  /// Where files got their names, to be synced at the end.
  private var folders: Set<String> = []

  /// Every stream has a file open, and a compressor with it.
  public static let streamCountMax = 128

  /// Writes to a path, or to several: see `FileNameTemplate`.
  /// - Parameters:
  ///   - compression: nil for what the path's extension asks for.
  ///   - content: What a file for everything holds.
  ///   - streams: The schema's events, in its order, where the path holds `{stream}`.
  ///   - keepsFiles: Refuses to write over what an earlier run has written.
  public init(
    path: String, compression: Compression? = nil, rolling: FileRolling = .none, content: FileContent = .plainLines,
    streams: [FileStream] = [], keepsFiles: Bool = false
  ) throws {
    let template = try FileNameTemplate(path, rolling: rolling)
    name = "file:\(path)"
    self.template = template
    self.compression = compression ?? Compression(fileName: path)
    self.rolling = rolling
    self.keepsFiles = keepsFiles
    isByStream = template.hasStream
    self.streams = isByStream ? streams : [FileStream(name: "", content: content)]
    files = Array(repeating: nil, count: self.streams.count)
    fileCounts = Array(repeating: 0, count: self.streams.count)
    if isByStream { try Self.check(streams, of: name) }
    if rolling.isOn { try Self.checkIsPlainFile(path) }
    // What cannot be written shall be known before the first event is made.
    if !isByStream, !rolling.isOn { try openFile(0) }
  }

  /// Writes to a descriptor that stays open, such as standard output.
  public init(descriptor: Int32, name: String, compression: Compression = .none, content: FileContent = .plainLines) throws {
    self.name = name
    template = nil
    self.compression = compression
    rolling = .none
    keepsFiles = false
    streams = [FileStream(name: "", content: content)]
    isByStream = false
    files = [
      try OutputFile(FileDescriptorWriter(descriptor: descriptor, name: name), compression: compression, content: content)
    ]
    fileCounts = [1]
  }

  /// Throws `ClosedPipe` when nobody reads any more, `Failure` with exit code 74 for anything else.
  public func write(_ batch: RecordBatch) throws {
    guard batch.count > 0 else { return }
    if let failure { throw failure }
    delivery.countWritten(batch)
    do {
      if !isByStream, !rolling.isOn, batch.lineByteCount > 0 {
        try writeWhole(batch)
      } else if batch.lineByteCount > 0 {
        try writeLines(batch)
      } else {
        try writeRecords(batch)
      }
      settle()
    } catch {
      throw settle(error)
    }
  }

  public func poll() {}

  /// Completes the files that are open. What they hold is on its device on return.
  public func finish(timeoutMilliseconds: Int) throws {
    guard failure == nil else { return }
    do {
      try completeFiles()
      for folder in folders.sorted() { try Self.synchronizeFolder(folder) }
      settle()
    } catch {
      throw settle(error)
    }
  }

  /// Counts what is written by now.
  private func settle() {
    delivery.delivered = takenCount - files.reduce(0) { $0 + ($1?.heldRecordCount ?? 0) }
  }

  /// Counts what the end leaves behind; files that are not complete keep the name they are written under.
  private func settle(_ error: any Error) -> any Error {
    settle()
    files = Array(repeating: nil, count: files.count)
    delivery.failed = delivery.written - delivery.delivered
    delivery.firstFailure = delivery.firstFailure ?? "\(error)"
    failure = error
    return error
  }

  // MARK: Records to files

  /// All lines to one file, with one write where nothing is compressed.
  private func writeWhole(_ batch: RecordBatch) throws {
    guard let file = files[0] else { preconditionFailure("nothing is written after the end") }
    takenCount += Int64(batch.count)
    try file.write(lines: batch.lines, count: batch.count)
  }

  /// Lines in runs that lie side by side and go to one file.
  private func writeLines(_ batch: RecordBatch) throws {
    var index = 0
    while index < batch.count {
      let first = batch.slots[index]
      let stream = self.stream(of: first)
      try movePeriod(to: first)
      let file = try openFile(stream, nextByteCount: Int(first.valueCount) + 1)
      let start = Int(first.valueStart)
      var end = start + Int(first.valueCount) + 1
      let firstIndex = index
      index += 1
      while index < batch.count {
        let slot = batch.slots[index]
        guard Int(slot.valueStart) == end, self.stream(of: slot) == stream, !beginsPeriod(slot),
          fits(file, byteCount: end - start + Int(slot.valueCount) + 1, count: index - firstIndex + 1)
        else { break }
        end += Int(slot.valueCount) + 1
        index += 1
      }
      let lines = UnsafeRawBufferPointer(rebasing: batch.lines[start..<end])
      takenCount += Int64(index - firstIndex)
      if isByStream {
        file.stage(lines: lines, count: index - firstIndex)
      } else {
        try file.write(lines: lines, count: index - firstIndex)
      }
    }
    if isByStream { for file in files { try file?.writeStaged() } }
  }

  private func writeRecords(_ batch: RecordBatch) throws {
    for index in 0..<batch.count {
      let slot = batch.slots[index]
      if slot.marks.contains(.tombstone), slot.valueCount == 0 {
        // A container's records all follow its schema; one that has null among its types has a value for a deletion.
        delivery.failed += 1
        delivery.firstFailure = delivery.firstFailure ?? "an Avro file cannot hold a deletion, which is a key without a value"
        continue
      }
      try movePeriod(to: slot)
      let file = try openFile(stream(of: slot), nextByteCount: Int(slot.valueCount))
      takenCount += 1
      try file.write(record: batch.value(index))
    }
  }

  private func stream(of slot: RecordSlot) -> Int {
    guard isByStream else { return 0 }
    precondition(Int(slot.event) < streams.count, "a record's event is one of the sink's streams")
    return Int(slot.event)
  }

  // MARK: Files one after another

  /// Whether `byteCount` bytes in `count` records may be added to a file. One record always may.
  private func fits(_ file: OutputFile, byteCount: Int, count: Int) -> Bool {
    if file.recordCount + Int64(count) == 1 { return true }
    if let limit = rolling.byteCount, file.contentByteCount + Int64(byteCount) > limit { return false }
    if let limit = rolling.recordCount, file.recordCount + Int64(count) > limit { return false }
    return true
  }

  private func beginsPeriod(_ slot: RecordSlot) -> Bool {
    guard rolling.milliseconds != nil, let next = rolling.period(of: slot.timestamp), next > period else { return false }
    return period == .min || slot.marks.isDisjoint(with: [.late, .skew])
  }

  private func movePeriod(to slot: RecordSlot) throws {
    guard beginsPeriod(slot), let next = rolling.period(of: slot.timestamp) else { return }
    // The periods of all streams end together, so that a quiet one's file is complete too.
    try completeFiles()
    period = next
  }

  /// The stream's open file, or its next one where that is full.
  private func openFile(_ stream: Int, nextByteCount: Int) throws -> OutputFile {
    if let file = files[stream] {
      if fits(file, byteCount: nextByteCount, count: 1) { return file }
      try complete(stream)
    }
    return try openFile(stream)
  }

  @discardableResult
  private func openFile(_ stream: Int) throws -> OutputFile {
    guard let template else { preconditionFailure("a descriptor's file is open from the start") }
    fileCounts[stream] += 1
    let path = template.path(
      number: fileCounts[stream], periodStart: rolling.start(ofPeriod: period == .min ? 0 : period), stream: streams[stream].name)
    if keepsFiles { try Self.checkHoldsNothing(path) }
    if template.makesFolders { try Self.makeFolders(of: path) }
    let file = try OutputFile(path: path, isPart: rolling.isOn, compression: compression, content: streams[stream].content)
    files[stream] = file
    if rolling.isOn { folders.insert(Self.folder(of: path)) }
    return file
  }

  private func complete(_ stream: Int) throws {
    guard let file = files[stream] else { return }
    try file.complete()
    files[stream] = nil
  }

  private func completeFiles() throws {
    for stream in files.indices { try complete(stream) }
  }
}
