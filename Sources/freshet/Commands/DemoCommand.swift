// `freshet demo`: everything at once with nothing running. An embedded Kafka broker, a private redis-server, the generator and the processor; a
// live table, and at the end what a few real users' features are in Redis.
//
//   generator thread -> Kafka (4 partitions, over TCP) -> worker thread -> Redis (unix socket)      main thread: the table

import ArgumentParser
import Base
import Configuration
import Foundation
import Monitoring

struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Show everything at once, on this machine, with nothing running.",
    discussion: """
      Starts an embedded Kafka broker and a private redis-server in a temporary folder, generates click streams, computes features, and shows \
      how long an event takes until it is visible in Redis. Leaves no process and no file behind. Ctrl-C ends it early, with the summary.
      """)

  @Option(help: "Events per second. (default: 2k/s)")
  var rate: String?

  @Option(name: .customLong("for"), help: "How long. (default: 60s)")
  var length: String?

  func run() throws {
    Interrupts.install()
    let rate = Arguments.option(rate, "rate", of: "demo") ?? "2k/s"
    let length = Arguments.option(length, "for", of: "demo") ?? "60s"
    guard Units.ratePerSecond(rate) ?? 0 > 0 else {
      throw Failure(.usage, "--rate: expected a rate like 2k/s, 200/m or 0.2/s, found '\(rate)'")
    }
    let demo = try Demo(rate: rate, length: length, lengthMilliseconds: Arguments.duration(length, "--for"))
    defer { demo.tearDown() }
    try demo.run()
    try demo.printSummary()
  }
}
