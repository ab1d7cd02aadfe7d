// Samples a schema again whenever one of its files changes. Editors replace files rather than write into them, so what is compared is what
// stat(2) says of each path, five times a second: that works on every file system, and a schema has few files.

import Base
import Configuration
import Foreign
import Foundation
import LocalTransport
import Schema

struct SchemaWatch {
  private let sampling: SchemaSampling

  /// What tells one content of a path from another.
  private struct Stamp: Equatable {
    var seconds: Int
    var nanoseconds: Int
    var size: Int64
    var inode: UInt64

    /// Nil where there is no file.
    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      seconds = status.st_mtim.tv_sec
      nanoseconds = status.st_mtim.tv_nsec
      size = Int64(status.st_size)
      inode = UInt64(status.st_ino)
    }
  }

  init(_ sampling: SchemaSampling) { self.sampling = sampling }

  /// Goes on until an end is asked for.
  func run() throws {
    Interrupts.install()
    // What is not there at the start is a wrong name, not a change to come.
    _ = try ConfigurationLoader.bytes(ofFile: sampling.path)
    var paths = [sampling.path]
    while !Interrupts.stopRequested {
      if Terminal.outputIsTerminal { try Terminal.clearOutput() }
      // Taken before the files are read: what changes while they are is seen as a change.
      var stamps = paths.map { Stamp($0) }
      let resources = try show()
      for path in resources where !paths.contains(path) {
        paths.append(path)
        stamps.append(Stamp(path))
      }
      Terminal.print(toError: Terminal.dimmed("watching \(paths.joined(separator: ", ")); Ctrl-C ends"))
      while !Interrupts.stopRequested, paths.map({ Stamp($0) }) == stamps { usleep(200_000) }
    }
  }

  /// Prints a sample, or what is wrong with the files; the files that the schema names.
  private func show() throws -> [String] {
    let diagnostics = Diagnostics(file: sampling.path)
    do {
      guard !ForeignReader.isForeign(path: sampling.path) else {
        try sampling.run()
        return []
      }
      let schema = try SchemaReader.read(path: sampling.path, diagnostics: diagnostics)
      for finding in diagnostics.all { Terminal.print(toError: finding.description) }
      if let schema { try sampling.show(schema) }
    } catch let failure as Failure {
      Terminal.printError(failure.message)
    }
    return diagnostics.resources
  }
}
