// `freshet process` as a service: what it answers by HTTP, what it tells systemd, how it logs, and how it ends when it cannot end well.

import Foundation
import TestSupport
import Testing

private let pipeline = "Pipelines/shop_features.yaml"

/// A `freshet process` that answers by HTTP.
private struct Service {
  let program: Program

  init(_ arguments: [String], input: Program.Input = .none, environment: [String: String] = [:], output: String? = nil) throws {
    program = try Program(
      "freshet", ["process"] + arguments + ["--listen", "127.0.0.1:0"], input: input, environment: environment, output: output)
  }

  /// Where it listens, as its log says; nil while it does not.
  var port: Int? {
    guard let found = program.errorsSoFar.firstRange(of: #/http=127\.0\.0\.1:(\d+)/#) else { return nil }
    return Int(program.errorsSoFar[found].drop { $0 != ":" }.dropFirst())
  }

  func get(_ path: String) -> RawResponse? { port.flatMap { RawResponse.get(path, port: $0) } }

  func metrics() throws -> MetricsCheck { MetricsCheck(try #require(get("/metrics")).body) }

  func end() -> ProgramOutcome {
    program.send(signal: SIGTERM)
    return program.wait()
  }
}

@Suite struct ServiceTests {
  @Test func `health and metrics of a pipe are answered while it runs, and the log says what started`() throws {
    let service = try Service([pipeline, "--from", "-", "--to", "null"], input: .open)
    #expect(waitUntil { service.get("/readyz")?.status == 200 })
    #expect(service.get("/livez")?.body == "live\n")
    let ready = try #require(service.get("/readyz"))
    #expect(ready.body.hasPrefix("ready: 1 worker, "))
    let events = try Program.run("freshet", ["generate", "Schemas/clickstream.yaml", "--from", "0", "--count", "100"])
    service.program.write(events.text + "nonsense\n")
    #expect(try waitUntil { try service.metrics().samples["freshet_process_records_total"] == 101 })
    let metrics = try service.metrics()
    #expect(metrics.problems.isEmpty, "\(metrics.problems)")
    #expect(metrics.samples["freshet_process_info{pipeline=\"shop_features\",version=\"0.1.0\"}"] == 1)
    #expect(metrics.samples["freshet_process_uncounted_total{reason=\"malformed\"}"] == 1)
    #expect(metrics.samples["freshet_process_record_bytes_total"]! > 10_000)
    #expect(service.get("/metrics")?.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
    #expect(service.get("/nothing")?.status == 404)
    let ended = service.end()
    #expect(ended.status == 0)
    let lines = ended.errors.split(separator: "\n")
    #expect(
      lines.first?.contains(
        #/^freshet: notice: started \(http=127.0.0.1:\d+, owner=[^ ]+:\d+, pipeline=shop_features, source=stdin, store=.*version=0.1.0, workers=1\)$/#
      ) == true, "\(ended.errors)")
    // Nobody reads the progress of a service.
    #expect(lines.dropFirst().first?.hasPrefix("processed 101 events (") == true, "\(ended.errors)")
  }

  @Test func `a worker that hangs is not live, and one that cannot end is ended, by name`() throws {
    let folder = TestFolder()
    let pipe = folder.file("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    // Somebody has it open and reads nothing.
    let reader = open(pipe, O_RDWR)
    defer { close(reader) }
    let events = try Program.run("freshet", ["generate", "Schemas/clickstream.yaml", "--from", "0", "--count", "20000"])
    let service = try Service(
      [pipeline, "--from", "-", "--to", "stdout", "--stall-after", "1s", "--drain-timeout", "0s"], input: .bytes(events.output),
      output: pipe)
    #expect(waitUntil { service.get("/livez")?.status == 503 })
    #expect(service.get("/livez")?.body.contains(#/^worker has not moved for \d+ s\n$/#) == true)
    #expect(try service.metrics().samples["freshet_process_live"] == 0)
    service.program.send(signal: SIGTERM)
    #expect(waitUntil { service.get("/readyz")?.body == "stopping: the end was asked for\n" })
    let ended = service.program.wait()
    #expect(ended.status == 1)
    #expect(
      ended.errors.contains(
        #/freshet: error: ended by force, 5 s after the end was asked for; not ended: worker 1 \(1 partitions, last moved \d+ s ago\)\. Nothing is lost: the next start computes again what was not written\n/#
      ), "\(ended.errors)")
  }

  @Test func `systemd is told of the start, of life and of the end`() throws {
    let folder = TestFolder()
    let supervisor = try Supervisor(path: folder.file("notify"))
    let program = try Program(
      "freshet", ["process", pipeline, "--from", "-", "--to", "null"], input: .open,
      environment: ["NOTIFY_SOCKET": folder.file("notify"), "WATCHDOG_USEC": "100000"])
    #expect(waitUntil { supervisor.receive().contains("READY=1") })
    #expect(waitUntil { supervisor.receive().filter { $0 == "WATCHDOG=1" }.count > 2 })
    #expect(waitUntil { supervisor.receive().contains { $0.hasPrefix("STATUS=1 worker, ") } })
    program.send(signal: SIGTERM)
    #expect(program.wait().status == 0)
    #expect(supervisor.receive().contains("STOPPING=1"))
  }

  @Test func `a worker that hangs feeds no watchdog`() throws {
    let folder = TestFolder()
    let supervisor = try Supervisor(path: folder.file("notify"))
    let pipe = folder.file("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let reader = open(pipe, O_RDWR)
    defer { close(reader) }
    let events = try Program.run("freshet", ["generate", "Schemas/clickstream.yaml", "--from", "0", "--count", "20000"])
    let program = try Service(
      [pipeline, "--from", "-", "--to", "stdout", "--stall-after", "1s"], input: .bytes(events.output),
      environment: ["NOTIFY_SOCKET": folder.file("notify"), "WATCHDOG_USEC": "20000"], output: pipe)
    #expect(waitUntil { supervisor.receive().contains("WATCHDOG=1") })
    #expect(waitUntil { program.get("/livez")?.status == 503 })
    _ = supervisor.receive()
    let count = supervisor.receive().count { $0 == "WATCHDOG=1" }
    #expect(waitUntil { (try? program.metrics().samples["freshet_process_live"]) == 0 })
    #expect(supervisor.receive().count { $0 == "WATCHDOG=1" } == count)
    program.program.send(signal: SIGKILL)
    _ = program.program.wait()
  }

  @Test func `Ctrl-C while Kafka does not answer ends quietly with 0`() throws {
    let folder = TestFolder()
    let pipeline = try ShopPipeline(in: folder)
    let service = try Service(
      [pipeline.path, "--to", "null"], environment: ["KAFKA_BROKERS": "127.0.0.1:1", "FRESHET_LOG": "debug"])
    // librdkafka's own words, on which it has tried.
    #expect(waitUntil { service.program.errorsSoFar.contains("librdkafka") })
    service.program.send(signal: SIGINT)
    let ended = service.program.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(!ended.errors.contains("error:"))
    #expect(ended.errors.contains("processed 0 events"))
  }

  @Test(arguments: [
    (
      ["--listen", "nowhere"], 64,
      "--listen: expected HOST:PORT, such as 127.0.0.1:9464, or a port of this machine alone, found 'nowhere'"
    ),
    (["--drain-timeout", "2h"], 64, "--drain-timeout: expected a duration of 0s to 1h, found '2h'"),
    (["--stall-after", "1ms"], 64, "--stall-after: expected a duration of 1s to 1d, found '1ms'"),
    (["--listen", "192.0.2.1:1"], 74, "cannot listen on 192.0.2.1:1: Cannot assign requested address"),
  ])
  func `what a service cannot do is said before it starts`(arguments: [String], status: Int32, message: String) throws {
    let outcome = try Program.run("freshet", ["process", pipeline, "--from", "-", "--to", "null"] + arguments)
    #expect(outcome.status == status)
    #expect(outcome.errors.contains("freshet: error: \(message)\n"), "\(outcome.errors)")
  }

  @Test func `a log for programs is one object per line, errors too`() throws {
    let listening = try Program.run(
      "freshet", ["process", pipeline, "--from", "-", "--to", "null", "--listen", "0"], environment: ["FRESHET_LOG": "json,info"])
    // A worker may have something to say before that.
    let line = try #require(listening.errors.split(separator: "\n").first { $0.contains("\"started\"") })
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
    #expect(object["level"] == "notice" && object["message"] == "started" && object["logger"] == "freshet.process")
    #expect(object["pipeline"] == "shop_features" && object["source"] == "stdin")
    #expect(object["time"]?.contains(#/^\d{4}-\d\d-\d\dT/#) == true)
    let failing = try Program.run("freshet", ["process", "nowhere.yaml"], environment: ["FRESHET_LOG": "json"])
    let error = try #require(try JSONSerialization.jsonObject(with: Data(failing.errors.utf8)) as? [String: String])
    #expect(error["level"] == "error" && error["message"] == "nowhere.yaml: no such file")
    let misspelt = try Program.run("freshet", ["version"], environment: ["FRESHET_LOG": "loud"])
    #expect(
      misspelt.errors
        == "freshet: warning: FRESHET_LOG: expected trace, debug, info, notice, warning, error, critical or json, found 'loud'\n")
  }
}

@Suite struct ServiceOutageTests {
  /// Members of a group that shall form soon.
  private static let properties = TestCluster.groupProperties.flatMap { ["-X", "\($0.name)=\($0.value)"] }

  private func start(_ cluster: TestCluster, _ redis: TestRedis, _ folder: TestFolder, _ arguments: String...) throws -> Service {
    let pipeline = try ShopPipeline(in: folder, topic: cluster.topic, prefix: redis.prefix)
    return try Service(
      [pipeline.path] + Self.properties + arguments,
      environment: ["KAFKA_BROKERS": cluster.servers, "REDIS_URL": redis.address.description])
  }

  private func generate(_ cluster: TestCluster, _ count: Int) throws {
    let outcome = try Program.run(
      "freshet", ["generate", "Schemas/clickstream.yaml", "--count", "\(count)", "--to", "\(cluster.address)"])
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test(.enabled(if: !TestRedis.isExternal && !TestCluster.isExternal))
  func `readiness goes with Redis and with Kafka, and comes back with them`() throws {
    let folder = TestFolder()
    let cluster = try TestCluster(partitionCount: 2)
    // A crash of a Redis that keeps nothing would take the fences along.
    let redis = try TestRedis(options: ["--appendonly", "yes", "--appendfsync", "always"])
    let server = try #require(redis.server)
    let service = try start(cluster, redis, folder)
    #expect(waitUntil { service.get("/readyz")?.status == 200 })
    #expect(service.get("/readyz")?.body == "ready: 1 worker, 2 partitions\n")
    try generate(cluster, 500)
    #expect(try waitUntil { try service.metrics().samples["freshet_process_rows_total{trigger=\"change\"}"]! > 0 })
    #expect(
      try waitUntil {
        try service.metrics().samples.contains { $0.key.hasPrefix("freshet_process_visible_delay_seconds_count{") && $0.value > 0 }
      })

    server.kill()
    try generate(cluster, 500)
    #expect(waitUntil { service.get("/readyz")?.status == 503 })
    #expect(
      service.get("/readyz")?.body.hasPrefix("worker: the store does not answer: redis") == true,
      "\(service.get("/readyz")?.body ?? "")")
    #expect(service.get("/livez")?.status == 200)
    #expect(try service.metrics().samples["freshet_process_workers_without_store"] == 1)
    try server.start()
    #expect(waitUntil { service.get("/readyz")?.status == 200 })
    #expect(try service.metrics().samples["freshet_process_store_outages_total"]! >= 1)

    try cluster.tell("down")
    #expect(waitUntil { service.get("/readyz")?.status == 503 })
    #expect(service.get("/readyz")?.body.hasPrefix("worker: \(cluster.address): no Kafka broker can be reached: ") == true)
    #expect(service.get("/livez")?.status == 200)
    try cluster.tell("up")
    #expect(waitUntil { service.get("/readyz")?.status == 200 })
    let ended = service.end()
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(ended.errors.contains("group=group-\(cluster.topic)"))
  }

  @Test func `a second process over the same input takes over, and the first one ends and says who it was`() throws {
    let folder = TestFolder()
    let redis = try TestRedis()
    let pipeline = try ShopPipeline(in: folder, prefix: redis.prefix)
    let events = try Program.run("freshet", ["generate", "Schemas/clickstream.yaml", "--from", "0", "--count", "2000"])
    func start() throws -> Program {
      let program = try Program(
        "freshet", ["process", pipeline.path, "--from", "-"], input: .open, environment: ["REDIS_URL": redis.address.description])
      program.write(events.text)
      return program
    }
    let first = try start()
    #expect(try waitUntil { try !redis.reader.keys(matching: "\(redis.prefix):user_activity:*").isEmpty })
    let second = try start()
    // The second one's claim can be seen in the fence. The first one notices when it writes.
    #expect(
      try waitUntil {
        try redis.reader.hash(redis.reader.keys(matching: "\(redis.prefix):_freshet:fence:*")[0])["owner"]?.hasSuffix(
          ":\(second.processID)") == true
      })
    first.write(
      try Program.run("freshet", ["generate", "Schemas/clickstream.yaml", "--from", "3000000", "--count", "2000"]).text)
    let ended = first.wait()
    #expect(ended.status == 1, "\(ended.errors)")
    #expect(
      ended.errors.contains("freshet: error: stdin: another process, ")
        && ended.errors.contains(":\(second.processID), has been started over the same input"),
      "\(ended.errors)")
    second.closeInput()
    let finished = second.wait()
    #expect(finished.status == 0, "\(finished.errors)")
  }

  @Test func `members without partitions are ready, and static members of one process have identities of their own`() throws {
    let folder = TestFolder()
    let cluster = try TestCluster(partitionCount: 1)
    let redis = try TestRedis()
    let service = try start(cluster, redis, folder, "--workers", "3", "-X", "group.instance.id=pod-0")
    #expect(waitUntil { service.get("/readyz")?.status == 200 })
    #expect(service.get("/readyz")?.body == "ready: 3 workers, 1 partition\n")
    let ended = service.end()
    #expect(ended.status == 0, "\(ended.errors)")
    // librdkafka prints what it goes by.
    let shown = try Service(
      [
        try ShopPipeline(in: folder, topic: cluster.topic).path, "--to", "null", "--workers", "2", "-X", "group.instance.id=pod-0",
        "-X", "debug=conf",
      ],
      environment: ["KAFKA_BROKERS": cluster.servers, "FRESHET_LOG": "trace"])
    #expect(waitUntil { ["pod-0-0", "pod-0-1"].allSatisfy { shown.program.errorsSoFar.contains("group.instance.id = \($0)") } })
    #expect(shown.end().status == 0)
  }
}

/// What systemd would be: a socket that takes datagrams.
private final class Supervisor {
  private let descriptor: Int32
  private var received: [String] = []

  init(path: String) throws {
    #if canImport(Glibc)
      descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    #else
      descriptor = socket(AF_UNIX, SOCK_DGRAM, 0)
    #endif
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    precondition(result == 0, "no socket at \(path)")
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  deinit { close(descriptor) }

  /// Everything that has come so far.
  func receive() -> [String] {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return received }
      received.append(String(decoding: buffer[..<count], as: UTF8.self))
    }
  }
}
