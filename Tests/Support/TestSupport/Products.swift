// Where the tests find what they run: the package's files, the programs that were built beside the test bundle, and the others in PATH.

import Foundation

public enum Products {
  /// The folder that holds Package.swift.
  public static let packageFolder: String = {
    var folder = URL(filePath: #filePath)
    for _ in 0..<4 { folder.deleteLastPathComponent() }
    return folder.path
  }()

  /// A program that was built beside the test bundle, or one of PATH; a name with a slash is a path already.
  public static func executable(_ name: String) -> String {
    if name.contains("/") { return name }
    var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    while folder.path != "/" {
      let candidate = folder.appending(path: name).path
      if isProgram(candidate) { return candidate }
      folder.deleteLastPathComponent()
    }
    guard let found = inPath(name) else { preconditionFailure("\(name) was not built, and is not in PATH") }
    return found
  }

  /// Whether a program that is no part of the package is there.
  public static func hasExecutable(_ name: String) -> Bool { inPath(name) != nil }

  private static func inPath(_ name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(name)" }.first(where: isProgram)
  }

  private static func isProgram(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && !isDirectory.boolValue
      && FileManager.default.isExecutableFile(atPath: path)
  }
}
