// Records that did not count, as NDJSON, one object per record:
//
//   {"reason":"late","views":["v"],"late_by_ms":9000,"lateness_needed_ms":4001,"source":"clicks","partition":0,"offset":17,
//    "timestamp":1767225600000,"headers":[{"name":"ce_id","value":"7"}],"key":"u1","value":"{\"ts\":1}"}
//
// A key or value that is not UTF-8 stands as `key_base64` or `value_base64`; a record without a value has `"value":null`.

import Base
import Foundation
import Records

#if canImport(Glibc)
  import Glibc
#endif

/// Lines of a file that several workers may share; each collects lines of its own and writes them whole.
public final class FileSideOutput: SideOutput {
  public var name: String { writer.name }
  private let writer: FileDescriptorWriter
  private let lines = ByteBuffer(capacity: 1 << 16)
  private var isUnsynchronized = false

  /// Written at once when this many bytes have been collected.
  private static let lineByteCountMax = 1 << 18

  public init(_ writer: FileDescriptorWriter) { self.writer = writer }

  public func write(_ record: SideRecord) throws {
    append(record)
    if lines.count >= Self.lineByteCountMax { try writeLines() }
  }

  /// The lines are on the device, where there is one: a pipe or a terminal has none.
  public func confirm() throws {
    try writeLines()
    guard isUnsynchronized else { return }
    try writer.synchronize()
    isUnsynchronized = false
  }

  public func close() throws { try confirm() }

  private func writeLines() throws {
    guard lines.count > 0 else { return }
    do {
      try writer.write(UnsafeRawBufferPointer(lines.bytes))
    } catch is ClosedPipe {
      throw Failure(.inputOutput, "cannot write to \(name): nobody reads the pipe any more")
    }
    lines.removeAll()
    isUnsynchronized = true
  }

  // MARK: Lines

  private func append(_ record: SideRecord) {
    lines.append("{\"reason\":\(JSONText.quoted(record.reason))")
    if !record.views.isEmpty { lines.append(",\"views\":[\(record.views.map(JSONText.quoted).joined(separator: ","))]") }
    if let lateBy = record.lateBy { lines.append(",\"late_by_ms\":\(lateBy)") }
    if let needed = record.latenessNeeded { lines.append(",\"lateness_needed_ms\":\(needed)") }
    lines.append(
      ",\"source\":\(JSONText.quoted(record.sourceName)),\"partition\":\(record.partition),\"offset\":\(record.offset)")
    if let error = record.error { lines.append(",\"error\":\(JSONText.quoted(error))") }
    if record.timestamp != .min { lines.append(",\"timestamp\":\(record.timestamp)") }
    if !record.headers.isEmpty { append(record.keptHeaders) }
    if let key = record.key { append("key", key) }
    if record.isTombstone { lines.append(",\"value\":null") } else { append("value", record.value) }
    lines.append("}\n")
  }

  /// A list: a name may come more than once.
  private func append(_ headers: [(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>?)]) {
    lines.append(",\"headers\":[")
    for (index, header) in headers.enumerated() {
      lines.append(index == 0 ? "{\"name\":" : ",{\"name\":")
      lines.append(JSONText.quoted(String(decoding: header.name, as: UTF8.self)))
      if let value = header.value { append("value", value) }
      lines.append("}")
    }
    lines.append("]")
  }

  private func append(_ name: String, _ bytes: UnsafeBufferPointer<UInt8>) {
    if String(validating: bytes, as: UTF8.self) != nil {
      lines.append(",\"\(name)\":")
      JSONText.appendQuoted(bytes, to: lines)
    } else {
      lines.append(",\"\(name)_base64\":\"\(Data(bytes).base64EncodedString())\"")
    }
  }
}

extension FileDescriptorWriter {
  /// Opens a file to write behind what it holds, or makes it. A last line that has no line feed was cut off by a crash and never confirmed: it is
  /// removed.
  public convenience init(appendingTo path: String) throws(Failure) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Failure(.inputOutput, "cannot open '\(path)': \(String(cString: strerror(errno)))") }
    guard Self.removeCutLine(descriptor) else {
      let reason = String(cString: strerror(errno))
      _ = Glibc.close(descriptor)
      throw Failure(.inputOutput, "cannot mend the last line of '\(path)': \(reason)")
    }
    self.init(owning: descriptor, name: "file:\(path)")
  }

  /// False with `errno` set where the file cannot be read or cut.
  private static func removeCutLine(_ descriptor: Int32) -> Bool {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return false }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else { return true }
    var end = Int(status.st_size)
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while end > 0 {
      let count = min(block.count, end)
      guard pread(descriptor, &block, count, off_t(end - count)) == count else { return false }
      if let feed = block[..<count].lastIndex(of: 10) {
        end = end - count + feed + 1
        break
      }
      end -= count
    }
    return end == Int(status.st_size) || ftruncate(descriptor, off_t(end)) == 0
  }
}
