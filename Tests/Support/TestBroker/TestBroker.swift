// A Kafka broker in a process of its own, for tests: prints its bootstrap servers on stdout, takes commands on stdin (down, up, rtt MS, topic NAME:N),
// and ends when stdin does or on SIGTERM.
//
//   freshet-test-broker --topic clicks:4 --topic views:1

import Base
import Foundation
import KafkaTransport

@main
struct TestBroker {
  static func main() throws {
    let broker = try EmbeddedBroker()
    var arguments = CommandLine.arguments.dropFirst()
    while let option = arguments.popFirst() {
      guard option == "--topic", let text = arguments.popFirst() else {
        throw Failure(.usage, "freshet-test-broker: expected --topic NAME:PARTITIONS, found \(option)")
      }
      try createTopic(text, on: broker)
    }
    print(broker.bootstrapServers)
    fflush(nil)
    // SIGTERM ends the process by itself.
    try serveCommands(broker)
  }

  private static func createTopic(_ text: some StringProtocol, on broker: EmbeddedBroker) throws {
    guard let colon = text.lastIndex(of: ":"), let partitionCount = Int(text[text.index(after: colon)...]) else {
      throw Failure(.usage, "freshet-test-broker: expected NAME:PARTITIONS, found \(text)")
    }
    try broker.createTopic(String(text[..<colon]), partitionCount: partitionCount)
  }

  /// Reads stdin to its end. Each line is a command: `down`, `up`, `rtt MILLISECONDS`, `topic NAME:PARTITIONS`; it is repeated on stdout when it is done.
  private static func serveCommands(_ broker: EmbeddedBroker) throws {
    while let line = readLine() {
      switch line {
      case "down": try broker.setBroker(isUp: false)
      case "up": try broker.setBroker(isUp: true)
      case _ where line.hasPrefix("topic "): try createTopic(line.dropFirst(6), on: broker)
      default:
        guard line.hasPrefix("rtt "), let milliseconds = Int(line.dropFirst(4)) else { continue }
        try broker.setRoundTripTime(milliseconds: milliseconds)
      }
      print(line)
      fflush(nil)
    }
  }
}
