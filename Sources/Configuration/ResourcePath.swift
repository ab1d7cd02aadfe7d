// Files that a file names: relative to the one that names them, and shown as short as they can be.

public enum ResourcePath {
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
