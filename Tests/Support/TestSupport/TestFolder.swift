// A folder for one test, gone with its owner.

import Foundation

public final class TestFolder: Sendable {
  /// Short enough for a Unix socket in it.
  public let path: String

  /// - Parameter inMemory: Where the system has such a place; for tests that sync thousands of files.
  public init(inMemory: Bool = false) {
    let isInMemory = inMemory && FileManager.default.isWritableFile(atPath: "/dev/shm")
    let parent =
      isInMemory
      ? "/dev/shm" : ProcessInfo.processInfo.environment["TMPDIR"].flatMap { $0.utf8.count <= 30 ? $0 : nil } ?? "/tmp"
    var template = Array("\(parent)/freshet-test-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else {
      preconditionFailure("no temporary folder in \(parent): \(String(cString: strerror(errno)))")
    }
    path = String(cString: made)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  public func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file into the folder and returns its path.
  @discardableResult
  public func write(_ text: String, as name: String) throws -> String {
    try Data(text.utf8).write(to: URL(filePath: file(name)))
    return file(name)
  }

  /// The text of a file, empty where there is none.
  public func text(of name: String) -> String {
    (try? Data(contentsOf: URL(filePath: file(name)))).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  /// Everything that lies in the folder, at any depth.
  public var contents: [String] { FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String }.sorted() ?? [] }
}
