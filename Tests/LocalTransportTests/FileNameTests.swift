// Names of files: placeholders, and what is put in where there are none.

import Base
import Testing

@testable import LocalTransport

@Suite struct FileNameTests {
  static let size = FileRolling(byteCount: 10)
  static let hourly = FileRolling(milliseconds: 3_600_000)

  @Test(arguments: [
    ("a.ndjson", FileRolling.none, "a.ndjson"),
    ("a-{n}.ndjson", .none, "a-12.ndjson"),
    ("a.ndjson", size, "a-00012.ndjson"),
    ("a.ndjson.gz", size, "a-00012.ndjson.gz"),
    ("a.v2.ndjson.zst", size, "a.v2-00012.ndjson.zst"),
    ("a.v2.csv", size, "a.v2-00012.csv"),
    ("a", size, "a-00012"),
    ("x.y/a", size, "x.y/a-00012"),
    (".hidden", size, ".hidden-00012"),
    (".gz", size, ".gz-00012"),
    ("x/.gz", size, "x/.gz-00012"),
    ("a.gz", size, "a-00012.gz"),
    ("{stream}.csv", size, "click-00012.csv"),
    ("{stream}", size, "click-00012"),
    ("{n:03}.csv", size, "012.csv"),
    ("{n:01}", size, "12"),
    ("a.csv", hourly, "a-2026-01-01T00-00-00Z.csv"),
    ("{n}.csv", hourly, "12.csv"),
    ("{time}/{stream}.csv", hourly, "2026-01-01T00-00-00Z/click.csv"),
    ("{time}.csv", FileRolling(byteCount: 10, milliseconds: 3_600_000), "2026-01-01T00-00-00Z-00012.csv"),
    ("{time}", FileRolling(milliseconds: 250), "2026-01-01T00-00-00-000Z"),
    ("a{.csv", .none, "a{.csv"),
  ]) func `a path becomes a name`(_ path: String, _ rolling: FileRolling, _ expected: String) throws {
    let template = try FileNameTemplate(path, rolling: rolling)
    #expect(template.path(number: 12, periodStart: 1_767_225_600_000, stream: "click") == expected)
  }

  @Test(arguments: [
    ("{time}.csv", size, "file:{time}.csv: {time} is the start of a file's period; expected a length to roll by, such as 1h"),
    ("{x}.csv", .none, "file:{x}.csv: unknown placeholder '{x}'; there are {n}, {n:05}, {time} and {stream}"),
    ("{n:5}", .none, "file:{n:5}: unknown placeholder '{n:5}'; there are {n}, {n:05}, {time} and {stream}"),
    ("{n:00}", .none, "file:{n:00}: unknown placeholder '{n:00}'; there are {n}, {n:05}, {time} and {stream}"),
    ("{}", .none, "file:{}: unknown placeholder '{}'; there are {n}, {n:05}, {time} and {stream}"),
  ]) func `a path that says nothing is refused`(_ path: String, _ rolling: FileRolling, _ message: String) {
    #expect(throws: Failure.self) { _ = try FileNameTemplate(path, rolling: rolling) }
    do { _ = try FileNameTemplate(path, rolling: rolling) } catch { #expect(error.message == message && error.code == .usage) }
  }

  @Test(arguments: [("click", "click"), ("../x", ".._x"), ("..", "_.."), ("ä b", "__b"), ("", "_")])
  func `a stream's name stays in its folder`(_ name: String, _ expected: String) {
    #expect(FileNameTemplate.safe(name) == expected)
  }
}
