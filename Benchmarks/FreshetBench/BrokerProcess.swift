// The embedded broker in a process of its own, so that its work does not count as ours: this program starts itself again.

import Base
import Foundation
import KafkaTransport

final class BrokerProcess {
  let servers: String
  private let process = Process()
  private let input = Pipe()
  private static let flag = "--serve-broker"

  init(topic: String, partitionCount: Int) throws {
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = [Self.flag, topic, "\(partitionCount)"]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    var line: [UInt8] = []
    while let byte = output.fileHandleForReading.readData(ofLength: 1).first, byte != 0x0a { line.append(byte) }
    servers = String(decoding: line, as: UTF8.self)
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// Whether this process was started as the broker; then it serves until stdin ends.
  static func serveIfAsked() throws -> Bool {
    let arguments = CommandLine.arguments
    guard arguments.count == 4, arguments[1] == flag else { return false }
    let broker = try EmbeddedBroker()
    try broker.createTopic(arguments[2], partitionCount: Int(arguments[3])!)
    print(broker.bootstrapServers)
    fflush(nil)
    while readLine() != nil {}
    return true
  }
}
