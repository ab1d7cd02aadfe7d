// `freshet generate` into files, as a user does it: compressed, one after another, and into what is full.

import Foundation
import TestSupport
import Testing

@Suite struct GenerateFilesTests {
  private let folder = TestFolder()

  private func generate(_ arguments: String, count: Int = 3000) throws -> ProgramOutcome {
    let program = Products.executable("freshet")
    return try Program.run(
      "sh",
      ["-c", "\(program) generate Schemas/clickstream.yaml --from 2026-01-01T00:00:00Z --count \(count) \(arguments)"])
  }

  private func unpack(_ command: String, _ names: [String]) throws -> Data {
    try Program.run(command, ["-dc"] + names.map { folder.file($0) }).output
  }

  @Test func `files by number of records hold the plain stream in their order`() throws {
    let plain = try generate("").output
    #expect(try generate("--to file:\(folder.file("a.ndjson.gz")) --roll 1krecords").status == 0)
    #expect(folder.contents == ["a-00001.ndjson.gz", "a-00002.ndjson.gz", "a-00003.ndjson.gz"])
    #expect(try unpack("gzip", folder.contents) == plain)
  }

  @Test func `stdout may be compressed`() throws {
    let plain = try generate("").output
    for (compression, command) in [("gzip:1", "gzip"), ("zstd", "zstd")] {
      #expect(try generate("--compress \(compression) | \(command) -dc").output == plain)
    }
  }

  @Test func `a reader of compressed output that has enough ends it quietly`() throws {
    let outcome = try generate("--compress gzip | head -c 100000 | wc -c", count: 100_000)
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(outcome.text.trimmingCharacters(in: .whitespacesAndNewlines) == "100000")
  }

  @Test func `periods of event time and events each have their files`() throws {
    #expect(try generate("--to 'file:\(folder.file("{stream}/{time}.ndjson"))' --roll 1m").status == 0)
    let files = folder.contents.filter { $0.hasSuffix(".ndjson") }
    #expect(files.count > 1 && files.allSatisfy { $0.hasSuffix("Z.ndjson") })
    var count = 0
    for file in files {
      let time = file.split(separator: "/")[1].prefix(16).replacingOccurrences(of: "-", with: ":").suffix(5)
      for line in folder.text(of: file).split(separator: "\n") {
        #expect(line.contains("T\(time):"))
        count += 1
      }
    }
    #expect(count == 3000)
  }

  @Test func `of a file that may not grow, the whole lines count as delivered`() throws {
    // Files of at most 64 KiB for the shell and what it becomes; the limit's signal is ignored, so that write(2) says what is wrong.
    let path = folder.file("a.ndjson")
    let program = Products.executable("freshet")
    let command = "trap '' XFSZ; ulimit -f 128; exec \(program) generate Schemas/clickstream.yaml --count 3000 --to file:\(path)"
    let outcome = try Program.run("sh", ["-c", command])
    let size = try Data(contentsOf: URL(filePath: path)).count
    let lineCount = folder.text(of: "a.ndjson").split(separator: "\n", omittingEmptySubsequences: false).count - 1
    #expect(outcome.status == 74)
    #expect(lineCount > 100 && outcome.errors.contains("\n  delivered \(lineCount), failed "))
    #expect(outcome.errors.hasSuffix("freshet: error: cannot write to file:\(path) after \(size) bytes: File too large\n"))
  }

  @Test(arguments: [
    ("--compress lz4", "--compress: expected none, gzip, zstd, gzip:LEVEL (1 to 9) or zstd:LEVEL (1 to 19), found 'lz4'"),
    ("--compress gzip --to null", "--compress goes with --to file:PATH and --to stdout, not with null"),
    ("--roll 1h", "--roll goes with --to file:PATH, not with stdout"),
    ("--roll 1h --to null", "--roll goes with --to file:PATH, not with null"),
    ("--roll 1h --to kafka://localhost:1/t", "--roll goes with --to file:PATH, not with kafka://"),
    (
      "--roll 5M --to file:x",
      "--roll: expected a size like 128MiB, a number of records like 1Mrecords, a length of event time like 1h, or several with commas, "
        + "found '5M'; did you mean '5Mrecords'?"
    ),
    (
      "--roll 0B --to file:x",
      "--roll: expected a size like 128MiB, a number of records like 1Mrecords, a length of event time like 1h, or several with commas, "
        + "found '0B'"
    ),
    ("--roll 1h,2h --to file:x", "--roll: expected one size, one number and one length at most, found '1h,2h'"),
    ("--to 'file:{time}.txt'", "file:{time}.txt: {time} is the start of a file's period; expected a length to roll by, such as 1h"),
  ]) func `what does not fit is a usage error`(_ arguments: String, _ message: String) throws {
    let outcome = try generate(arguments)
    #expect(outcome.status == 64 && outcome.text.isEmpty)
    #expect(outcome.errors == "freshet: error: \(message)\n")
  }
}
