// `freshet batch` and `freshet training-set` as a user runs them, over archives that an oracle has written, against what the oracle computes.

import Foundation
import RedisStore
import TestSupport
import Testing

private struct OracleArchive {
  let folder = TestFolder()
  var pipeline: String { folder.file("pipeline.yaml") }

  init(seed: Int) throws { #expect(try oracle("make", "\(seed)").status == 0) }

  func oracle(_ command: String, _ arguments: String...) throws -> ProgramOutcome {
    try Program.run(
      "env", ["python3", "\(Products.packageFolder)/Tests/Oracles/training_set.py", command, folder.path] + arguments)
  }

  func freshet(_ command: String, _ arguments: String..., output: String? = nil) throws -> ProgramOutcome {
    try Program.run("freshet", [command, pipeline] + arguments, output: output)
  }
}

@Suite struct BatchCommandTests {
  private static let everything = "activity,activity@batch,fixed,ever,ever@batch,everyone,everyone@batch"

  @Test(arguments: 1...6) func `a training set is what brute force finds for each label`(seed: Int) throws {
    let archive = try OracleArchive(seed: seed)
    let out = archive.folder.file("out.csv")
    let outcome = try archive.freshet(
      "training-set", "--labels", archive.folder.file("labels.csv"), "--out", out, "--features", Self.everything)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("400 labels with 24 features; read "))
    let check = try archive.oracle("check", out)
    #expect(check.status == 0, "\(check.text)\(check.errors)")
  }

  @Test(arguments: [1, 7], ["16MiB", "1GiB"]) func `rows of a run are what brute force finds`(seed: Int, memory: String) throws {
    let archive = try OracleArchive(seed: seed)
    let rows = archive.folder.file("rows.ndjson")
    let outcome = try archive.freshet(
      "batch", "--as-of", "1700000250000", "--to", "file:\(rows)", "--memory", memory, "--output", "json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let check = try archive.oracle("check-run", rows, "1700000250000")
    #expect(check.status == 0, "\(check.text)\(check.errors)")
    let summary = try #require(JSONSerialization.jsonObject(with: Data(outcome.text.utf8)) as? [String: Any])
    #expect(summary["as_of"] as? Int == 1_700_000_250_000)
    #expect((summary["rows"] as? [String: Int])?["everyone"] == 1)
    #expect(!FileManager.default.fileExists(atPath: "\(rows).part"))
  }

  @Test func `labels come as CSV or JSON, and go as either`() throws {
    let archive = try OracleArchive(seed: 3)
    let folder = archive.folder
    let csv = folder.file("labels.csv")
    func run(_ labels: String, _ out: String) throws -> ProgramOutcome {
      let outcome = try archive.freshet("training-set", "--labels", labels, "--out", out, "--features", "activity,ever.last")
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome
    }
    _ = try run(csv, folder.file("a.csv"))
    _ = try run(csv, folder.file("b.ndjson"))
    // JSON labels are the first columns of what was made of the CSV.
    let labels = try String(contentsOfFile: folder.file("b.ndjson"), encoding: .utf8).split(separator: "\n").map {
      String($0[..<$0.range(of: ",\"activity.n\"")!.lowerBound]) + "}"
    }
    #expect(labels[0].hasPrefix(#"{"label":0,"user":"u"#))
    try folder.write(labels.joined(separator: "\n"), as: "labels.ndjson")
    _ = try run(folder.file("labels.ndjson"), folder.file("c.ndjson"))
    _ = try run(folder.file("labels.ndjson"), folder.file("d.csv"))
    func text(_ name: String) throws -> String { try String(contentsOfFile: folder.file(name), encoding: .utf8) }
    #expect(try text("b.ndjson") == text("c.ndjson"))
    #expect(try text("a.csv") == text("d.csv"))
    #expect(
      try archive.freshet("training-set", "--labels", csv, "--out", "-", "--features", "activity,ever.last").text == text("a.csv"))
  }

  @Test func `a run goes to Redis as a whole, and the next one after it`() throws {
    let redis = try TestRedis()
    let archive = try OracleArchive(seed: 2)
    let address = redis.address.description
    let first = try archive.freshet("batch", "--as-of", "1700000200000", "--to", address)
    #expect(first.status == 0 && first.errors.contains("as of 2023-11-14T22:16:40.000Z: read "), "\(first.errors)")
    #expect(try archive.freshet("batch", "--as-of", "1700000250000", "--to", address, "--view", "ever").status == 0)
    let pointers = try ["activity", "ever"].map {
      try #require(BatchPointer(try redis.reader.hash(BatchPointer.key(prefix: "fv", pipeline: "labels", view: $0))))
    }
    #expect(pointers.map(\.slot) == [.a, .b])
    #expect(pointers.map(\.asOf) == [1_700_000_200_000, 1_700_000_250_000])
    let row = try redis.reader.hash(pointers[1].rowKey(prefix: "fv", view: "ever", entityKey: "u1"))
    #expect(pointers[1].isCurrent(row) && row["n"] != nil && row["_as_of"] == "1700000250000")
    #expect(try redis.reader.keys(matching: "fv:ever@batch:b:*").count == Int(pointers[1].rowCount))
  }

  @Test func `a backfill writes a file for each cutoff`() throws {
    let archive = try OracleArchive(seed: 4)
    let out = archive.folder.file("history")
    let outcome = try archive.freshet(
      "batch", "--view", "ever", "--backfill", "2023-11-14T22:14:10Z..2023-11-14T22:17:00Z", "--out", out)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(out)/ever").sorted()
    #expect(names == ["15", "16", "17"].map { "2023-11-14T22\($0)00.000Z.ndjson" })
    let alone = try archive.freshet("batch", "--view", "ever", "--as-of", "2023-11-14T22:16:00Z", "--to", "stdout")
    let lines = Set(alone.text.split(separator: "\n"))
    #expect(lines == Set(try String(contentsOfFile: "\(out)/ever/\(names[1])", encoding: .utf8).split(separator: "\n")))
    #expect(lines.count > 5)
  }

  @Test func `a cutoff that nobody names is the newest one that is due`() throws {
    let archive = try OracleArchive(seed: 4)
    let outcome = try archive.freshet("batch", "--view", "ever", "--to", "null")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains(", the newest cutoff that is due of every 1m"), "\(outcome.errors)")
  }

  @Test(
    arguments: [
      (["batch", "--view", "fixed"], 64, "--view: view 'fixed' has no lane 'batch'"),
      (["batch", "--view", "evr"], 64, "pipeline 'labels' has no view 'evr'; did you mean 'ever'?"),
      (["batch", "--as-of", "yesterday", "--to", "stdout"], 64, "--as-of: expected a time like 2026-01-31T06:00:00Z"),
      (["batch", "--memory", "1MiB", "--to", "stdout"], 64, "--memory: expected a size of at least 16MiB"),
      (["batch"], 64, "pipeline 'labels' has no 'sink:'"),
      (["batch", "--backfill", "5..2", "--out", "x", "--to", "null"], 64, "--backfill: '5..2' ends before it begins"),
      (["training-set", "--labels", "x.parquet", "--out", "-"], 64, "--labels: Parquet is not built in this version"),
      (["training-set", "--labels", "none.csv", "--out", "-"], 66, "--labels: cannot read 'none.csv'"),
      (
        ["training-set", "--labels", "none.csv", "--out", "-", "--features", "fixed@batch"], 64, "view 'fixed' has no lane 'batch'"
      ),
      (["training-set", "--labels", "none.csv", "--out", "-", "--features", "ever.m"], 64, "view 'ever' has no feature 'm'"),
    ] as [([String], Int32, String)])
  func `what cannot be is refused by name`(arguments: [String], status: Int32, message: String) throws {
    let archive = try OracleArchive(seed: 1)
    let outcome = try Program.run("freshet", [arguments[0], archive.pipeline] + arguments.dropFirst())
    #expect(outcome.status == status && outcome.errors.contains(message), "\(outcome.errors)")
  }

  @Test func `an archive of which a file is missing gives nothing`() throws {
    let archive = try OracleArchive(seed: 1)
    let data = archive.folder.file("archive/clicks/dt=2023-11-14/hr=22")
    let name = try #require(try FileManager.default.contentsOfDirectory(atPath: data).sorted().first)
    try FileManager.default.removeItem(atPath: "\(data)/\(name)")
    let rows = archive.folder.file("rows.ndjson")
    let outcome = try archive.freshet("batch", "--as-of", "1700000250000", "--to", "file:\(rows)")
    #expect(outcome.status == 66 && outcome.errors.contains(name), "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: rows) && !FileManager.default.fileExists(atPath: "\(rows).part"))
  }
}
