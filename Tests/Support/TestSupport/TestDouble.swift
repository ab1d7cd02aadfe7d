// A server of Tests/Support/Doubles in a process of its own. Its first line is its port; each further one a request that it has served.

import Foundation

public final class TestDouble {
  private let program: Program
  public let port: Int

  public init(_ name: String, _ arguments: [String] = []) throws {
    program = try Program("python3", ["Tests/Support/Doubles/\(name).py"] + arguments, input: .open)
    let program = program
    _ = waitUntil(seconds: 30) { program.outputSoFar.contains("\n") }
    guard let port = program.outputSoFar.split(separator: "\n").first.flatMap({ Int($0) }) else {
      preconditionFailure("\(name).py does not start: \(program.errorsSoFar)")
    }
    self.port = port
  }

  public var address: String { "http://127.0.0.1:\(port)" }

  /// The requests so far, in the order in which they came.
  public func requests<Request: Decodable>(_ type: Request.Type) throws -> [Request] {
    try program.outputSoFar.split(separator: "\n").dropFirst().map { try JSONDecoder().decode(type, from: Data($0.utf8)) }
  }
}
