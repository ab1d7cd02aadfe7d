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

  @Flag(help: "Let things go wrong: a flash crowd, a partition without a leader, a Redis that does not answer; and see how each lane suffers.")
  var incident = false

  func run() throws {
    Interrupts.install()
    let settings = try DemoSettings(
      rate: Arguments.option(rate, "rate", of: "demo") ?? "2k/s", length: Arguments.option(length, "for", of: "demo"), web: nil,
      hasIncidents: incident)
    let demo = try Demo(settings)
    defer { demo.tearDown() }
    try demo.run()
    try demo.printSummary()
  }
}
