// A folder that goes away with its owner, also after a forced end.

import Base
import Foundation

final class TemporaryFolder: Sendable {
  let path: String

  init() throws(Failure) {
    var template = Array("\(NSTemporaryDirectory())/freshet-XXXXXX".replacingOccurrences(of: "//", with: "/").utf8CString)
    guard let made = mkdtemp(&template) else {
      throw Failure(.inputOutput, "cannot make a temporary folder: \(String(cString: strerror(errno)))")
    }
    path = String(cString: made)
    let path = path
    Interrupts.onForcedEnd { try? FileManager.default.removeItem(atPath: path) }
  }

  /// Writes a file into the folder and returns its path.
  func write(_ bytes: [UInt8], as name: String) throws(Failure) -> String {
    let file = "\(path)/\(name)"
    guard FileManager.default.createFile(atPath: file, contents: Data(bytes)) else {
      throw Failure(.inputOutput, "cannot write '\(file)'")
    }
    return file
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }

  deinit { remove() }
}
