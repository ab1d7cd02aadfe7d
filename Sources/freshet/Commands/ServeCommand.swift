// `freshet serve`: the features of a pipeline by HTTP.

import ArgumentParser
import Base
import Configuration
import Features
import Foundation
import HTTPServer
import LocalTransport
import Logging
import Serving

struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serve a pipeline's features by HTTP.",
    discussion: """
      Answers POST /get-online-features as Feast's server does, and GET /features/SERVICE/KEY with where each value comes from and how old it is; \
      GET /services lists what there is. /readyz and /metrics are for whoever looks after it. Documentation/serving.md has all of it.

        freshet serve Pipelines/shop_features.yaml
        curl -s localhost:6566/features/ranking/u1

      Each option can also be set by the environment: FRESHET_SERVE_LISTEN=0.0.0.0:6566 for --listen.
      """)

  @Argument(help: "The pipeline, a YAML file.")
  var pipeline: String

  @Option(help: "Where to answer: HOST:PORT, or a port of this machine alone. (default: 127.0.0.1:6566)")
  var listen: String?

  @Option(help: "Where the rows are, in place of the pipeline's sink: redis://[user@]HOST:PORT[/DB] or redis+unix:///PATH.")
  var redis: String?

  @Option(help: "A file with the token that requests must bring: 'Authorization: Bearer TOKEN'. Without it everybody may ask.")
  var tokenFile: String?

  @Option(help: "Threads that read Redis, each with a connection of its own. (default: 1)")
  var threads: Int?

  @Option(help: "Keys that one request may ask for. (default: 1000)")
  var maxEntities: Int?

  @Option(help: "How long an answer may take where the service does not say it, for example 50ms. (default: 2s)")
  var timeout: String?

  @Flag(
    help:
      "Leave batch runs to others. Without this, those that 'schedule:' asks for are run here where the pipeline has an archive.")
  var noBatch = false

  @Option(help: "Threads of a batch run. (default: 1)")
  var batchThreads: Int?

  @Option(help: "Append a line of JSON for each value that is served to this file.")
  var logServed: String?

  @Option(help: "How long the end may take once it was asked for. (default: 10s)")
  var drainTimeout: String?

  func run() throws {
    Interrupts.install()
    let listen = try ListenAddress(given(listen, "listen") ?? "127.0.0.1:6566", option: "--listen")
    let drain = try ServiceOptions.drainTimeout(drainTimeout, of: "serve")
    let settings = try settings()
    let setup = try ServingSetup(pipelinePath: pipeline, redis: given(redis, "redis"))
    if setup.pipeline.services.isEmpty {
      Terminal.print(
        toError: "freshet: warning: pipeline '\(setup.pipeline.name)' has no 'services:'; only single features can be asked for")
    }
    if !listen.isLoopback, settings.token == nil {
      Terminal.print(
        toError:
          "freshet: warning: --listen \(listen): whoever reaches this address can read all features; --token-file asks for a token")
    }
    let log = try given(logServed, "log-served").map { try ServedLog(path: $0) }
    var append: (@Sendable (UnsafeBufferPointer<UInt8>) throws -> Void)?
    if let log { append = { lines in try log.append(lines) } }
    let batchThreads = try number(batchThreads, "batch-threads", 1...256, 1)
    var batches: ScheduledBatches?
    if !noBatch, ScheduledBatches.areWanted(by: setup.pipeline) {
      batches = try ScheduledBatches(setup.pipeline, redis: given(redis, "redis"), threads: "\(batchThreads)")
    }
    let recorder = batches?.recorder
    let server: FeatureServer
    do {
      server = try FeatureServer(
        setup.plan, listen, settings: settings, log: append, batchStatus: { recorder?.section }, makeReader: setup.reader)
    } catch {
      Interrupts.requestStop()
      batches?.join()
      throw error
    }
    run(server, setup, drain: drain)
    batches?.join()
    try log?.close()
  }

  /// Until the end is asked for, and has come.
  private func run(_ server: FeatureServer, _ setup: ServingSetup, drain: Int64) {
    let watch = ServiceWatch(
      ServiceWatch.Subject(
        isStopping: { Interrupts.stopRequested }, stalls: { [] },
        status: { server.obstacles.isEmpty ? server.summary : server.obstacles.joined(separator: "; ") },
        remainder: { "requests are still being answered" }), drainTimeout: drain)
    Logger(label: "freshet.serve").notice(
      "started",
      metadata: [
        "pipeline": "\(setup.pipeline.name)", "version": "\(Freshet.version)", "http": "\(server.address)",
        "store": "\(setup.address)", "services": "\(setup.pipeline.services.map(\.name).joined(separator: " "))",
      ])
    watch.noteReady(server.summary)
    while !Interrupts.stopRequested { usleep(20_000) }
    server.stop(graceMilliseconds: drain)
    watch.stop()
  }

  private func settings() throws -> ServingSettings {
    var settings = ServingSettings()
    settings.version = Freshet.version
    settings.instance = StatusServer.instance
    settings.threadCount = try number(threads, "threads", 1...64, settings.threadCount)
    settings.entityCountMax = try number(maxEntities, "max-entities", 1...100_000, settings.entityCountMax)
    settings.timeoutMilliseconds = try ServiceOptions.duration(
      timeout, "timeout", of: "serve", default: settings.timeoutMilliseconds, in: 1...60_000, "1ms to 60s")
    settings.token = try given(tokenFile, "token-file").map(Self.token)
    return settings
  }

  private func given(_ flag: String?, _ name: String) -> String? { Arguments.option(flag, name, of: "serve") }

  private func number(_ flag: Int?, _ name: String, _ range: ClosedRange<Int>, _ usual: Int) throws(Failure) -> Int {
    guard let text = given(flag.map(String.init), name) else { return usual }
    guard let value = Int(text), range.contains(value) else {
      throw Failure(.usage, "--\(name): expected \(range.lowerBound) to \(range.upperBound), found '\(text)'")
    }
    return value
  }

  /// The first line of the file.
  private static func token(path: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.noInput, "--token-file: cannot read \(path)")
    }
    let token = data.prefix(while: { $0 != 10 && $0 != 13 })
    guard (1...4096).contains(token.count), token.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw Failure(
        .usage, "--token-file \(path): expected a token of visible ASCII characters in the first line, at most 4096 of them")
    }
    return Array(token)
  }
}
