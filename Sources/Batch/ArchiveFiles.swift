// What the archive asks of the system: folders, whole small files, locks. Every refusal is a failure that names what it was about.

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

enum ArchiveFiles {
  static func failure(_ action: String, _ path: String, code: Int32 = errno) -> Failure {
    Failure(.inputOutput, "archive: cannot \(action) '\(path)': \(String(cString: strerror(code)))")
  }

  /// Makes a folder and those that it lies in.
  static func makeFolder(_ path: String) throws(Failure) {
    guard mkdir(path, 0o755) != 0 else {
      // A folder is there after a crash only when the one it lies in says so.
      if let parent = parent(of: path) { try synchronizeFolder(parent) }
      return
    }
    switch errno {
    case EEXIST: return
    case ENOENT:
      guard let parent = parent(of: path) else { throw failure("make the folder", path, code: ENOENT) }
      try makeFolder(parent)
      guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure("make the folder", path) }
      try synchronizeFolder(parent)
    default: throw failure("make the folder", path)
    }
  }

  static func parent(of path: String) -> String? {
    guard let slash = path.lastIndex(of: "/") else { return path == "." ? nil : "." }
    return slash == path.startIndex ? (path.count > 1 ? "/" : nil) : String(path[..<slash])
  }

  static func synchronizeFolder(_ path: String) throws(Failure) {
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw failure("open the folder", path) }
    defer { _ = close(folder) }
    guard fsync(folder) == 0 || errno == EINVAL else { throw failure("sync the folder", path) }
  }

  static func synchronize(_ descriptor: Int32, _ path: String) throws(Failure) {
    while fsync(descriptor) != 0 {
      switch errno {
      case EINTR: continue
      case EINVAL, ENOTSUP: return
      default: throw failure("sync", path)
      }
    }
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// The names in a folder; nil where there is none.
  static func names(in path: String) throws(Failure) -> [String]? {
    guard let stream = opendir(path) else {
      if errno == ENOENT { return nil }
      throw failure("read the folder", path)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Everything behind the beginning of an open file.
  static func content(of descriptor: Int32, _ path: String) throws(Failure) -> ByteBuffer {
    let content = ByteBuffer(capacity: 1 << 16)
    while true {
      content.reserve(1 << 16)
      let count = pread(descriptor, content.base + content.count, 1 << 16, off_t(content.count))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("read", path) }
      if count == 0 { return content }
      content.count += count
    }
  }

  static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String) throws(Failure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest)
      let count = Glibc.write(descriptor, piece.baseAddress, piece.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw failure("write to", path)
      }
      rest = rest.dropFirst(count)
    }
  }
}
