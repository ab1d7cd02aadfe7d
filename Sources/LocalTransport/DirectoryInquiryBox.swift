// Questions to a running processor as files beside its checkpoints: PIPELINE-ID.question, and PIPELINE-ID-N.answer for each answer. Files are
// written aside and renamed, so that nobody reads half of one.

import Base
import Features

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public final class DirectoryInquiryBox: InquiryBox {
  private let directory: String
  private let prefix: String
  /// A question that is older was left by somebody who is gone.
  private static let secondsMax = 15

  /// The directory is made if it is not there.
  public init(directory: String, pipeline: String) throws(Failure) {
    self.directory = directory
    prefix = "\(pipeline)-"
    guard mkdir(directory, 0o755) == 0 || errno == EEXIST else {
      throw Failure(.inputOutput, "cannot make the checkpoint directory '\(directory)': \(String(cString: strerror(errno)))")
    }
  }

  public func waiting() throws -> [String: String] {
    var questions: [String: String] = [:]
    for name in try names(endingIn: ".question") {
      let path = "\(directory)/\(name)"
      var status = stat()
      guard stat(path, &status) == 0 else { continue }
      if time(nil) - status.st_mtim.tv_sec > Self.secondsMax {
        unlink(path)
      } else if let text = Self.content(path) {
        questions[String(name.dropFirst(prefix.count).dropLast(".question".count))] = text
      }
    }
    return questions
  }

  public func answer(_ identifier: String, with text: String) throws {
    // Two answers of one moment are told apart by who gave them.
    let number = "\(getpid())-\(UInt64(UInt(bitPattern: ObjectIdentifier(self))))"
    try write(text, to: "\(prefix)\(identifier)-\(number).answer")
  }

  public func ask(_ identifier: String, _ text: String) throws { try write(text, to: "\(prefix)\(identifier).question") }

  public func answers(to identifier: String) throws -> [String] {
    try names(endingIn: ".answer").filter { $0.hasPrefix("\(prefix)\(identifier)-") }.sorted()
      .compactMap { Self.content("\(directory)/\($0)") }
  }

  public func withdraw(_ identifier: String) throws {
    unlink("\(directory)/\(prefix)\(identifier).question")
    for name in try names(endingIn: ".answer") where name.hasPrefix("\(prefix)\(identifier)-") { unlink("\(directory)/\(name)") }
  }

  private func names(endingIn end: String) throws(Failure) -> [String] {
    guard let folder = opendir(directory) else {
      throw Failure(.inputOutput, "cannot open '\(directory)': \(String(cString: strerror(errno)))")
    }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.hasPrefix(prefix), name.hasSuffix(end) { names.append(name) }
    }
    return names
  }

  private func write(_ text: String, to name: String) throws {
    let path = "\(directory)/\(name)"
    let writer = try FileDescriptorWriter(path: path + ".new")
    var text = text
    try text.withUTF8 { try writer.write(UnsafeRawBufferPointer($0)) }
    try writer.synchronize()
    guard rename(path + ".new", path) == 0 else {
      throw Failure(.inputOutput, "cannot rename '\(path).new': \(String(cString: strerror(errno)))")
    }
  }

  /// Nil where the file is gone.
  private static func content(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      guard count > 0 else { return String(decoding: content, as: UTF8.self) }
      content += buffer[..<count]
    }
  }
}
