// Files that a file names: relative to the one that names them, and shown as short as they can be.

public enum ResourcePath {
  /// The directory of a file, as it is written: empty for one that is named without any. (Foundation's `deletingLastPathComponent` of Swift 6.3
  /// traps on names of one character.)
  public static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// `name` as seen from `directory`, with `.` and `x/..` taken out; absolute names stay as they are.
  public static func resolve(_ name: String, in directory: String) -> String {
    let joined = name.hasPrefix("/") || directory.isEmpty ? name : "\(directory)/\(name)"
    var parts: [Substring] = []
    for part in joined.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else {
        parts.append(part)
      }
    }
    return (joined.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
  }
}
