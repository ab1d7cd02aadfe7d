// What a sink checks and makes around its files: streams, folders, plain files.

import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension FileSink {
  /// Each stream has a name of its own, and there are not too many.
  static func check(_ streams: [FileStream], of name: String) throws(Failure) {
    guard !streams.isEmpty else { throw Failure(.usage, "\(name): {stream} needs a schema whose events have names") }
    guard streams.count <= streamCountMax else {
      throw Failure(
        .usage, "\(name): {stream} would have \(streams.count) files open at once; expected at most \(streamCountMax) events")
    }
    var names: [String: String] = [:]
    for stream in streams {
      if let other = names.updateValue(stream.name, forKey: FileNameTemplate.safe(stream.name)) {
        throw Failure(
          .usage,
          "\(name): the events '\(other)' and '\(stream.name)' would share a file, '\(FileNameTemplate.safe(stream.name))'")
      }
    }
  }

  /// Files follow each other in a folder; a device or a named pipe cannot.
  static func checkIsPlainFile(_ path: String) throws(Failure) {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    // `/dev/stdout` may lead to a plain file, beside which no others belong.
    let isDevice = path.hasPrefix("/dev/") && !path.hasPrefix("/dev/shm/")
    guard isDevice || status.st_mode & S_IFMT != S_IFREG else { return }
    let found = isDevice ? "a device" : kind(status.st_mode)
    throw Failure(.usage, "file:\(path): files follow each other only as plain files, and this is \(found)")
  }

  /// Nothing is at a path, nor is what a run that was killed has left beside it. An empty file, a device or a pipe has nothing to lose.
  static func checkHoldsNothing(_ path: String) throws(Failure) {
    for name in [path, path + OutputFile.partSuffix] {
      var status = stat()
      guard stat(name, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else { continue }
      throw Failure(
        .inputOutput,
        "'\(name)' holds records of the stream's earlier part, which a resumed run would replace; expected another path, or --to stdout >> \(path)"
      )
    }
  }

  private static func kind(_ mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: "a folder"
    case S_IFIFO: "a pipe"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Makes the folders of a path that are not there.
  static func makeFolders(of path: String) throws(Failure) {
    var end = path.startIndex
    while let slash = path[end...].firstIndex(of: "/") {
      end = path.index(after: slash)
      let folder = String(path[..<slash])
      if folder.isEmpty || mkdir(folder, 0o755) == 0 || errno == EEXIST { continue }
      throw Failure(.inputOutput, "cannot make the folder '\(folder)': \(String(cString: strerror(errno)))")
    }
  }

  /// Has the names of a folder survive a crash of the machine.
  static func synchronizeFolder(_ path: String) throws(Failure) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(.inputOutput, "cannot open '\(path)': \(String(cString: strerror(errno)))") }
    defer { _ = close(descriptor) }
    // Some file systems do not sync folders.
    guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS else {
      throw Failure(.inputOutput, "cannot sync '\(path)': \(String(cString: strerror(errno)))")
    }
  }
}
