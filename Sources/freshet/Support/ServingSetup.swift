// What `serve` and `get` have in common: the pipeline's plan, and readers of its Redis.

import Base
import Features
import Foundation
import RedisStore
import Serving

struct ServingSetup: Sendable {
  let pipeline: PipelineDefinition
  let plan: ServingPlan
  let address: RedisAddress
  let prefix: String
  private let password: String?

  /// How long Redis may take to connect and to answer before it counts as away.
  private static let timeouts: RedisTimeouts = {
    var timeouts = RedisTimeouts()
    timeouts.connectMilliseconds = 1000
    timeouts.commandMilliseconds = 2000
    return timeouts
  }()

  /// - Parameter redis: An address in place of the pipeline's.
  init(pipelinePath: String, redis: String?) throws {
    try self.init(PipelineReader.load(path: pipelinePath) { Terminal.print(toError: $0.description) }, redis: redis)
  }

  init(_ pipeline: PipelineDefinition, redis: String?) throws {
    self.pipeline = pipeline
    if case .feast = pipeline.sink?.layout {
      throw Failure(
        .usage, "pipeline '\(pipeline.name)' writes Feast's layout, which Feast's own server reads; this one reads 'layout: native'"
      )
    }
    guard let url = redis ?? pipeline.sink?.url else {
      throw Failure(.usage, "pipeline '\(pipeline.name)' has no 'sink:'; say where its rows are: --redis redis://HOST:PORT")
    }
    address = try RedisAddress(url)
    prefix = pipeline.sink?.prefix ?? RedisSinkDefinition.defaultPrefix
    password = try RedisAddress.password(environment: ProcessInfo.processInfo.environment)
    plan = try ServingPlan(pipeline)
  }

  /// A reader with a connection of its own.
  func reader() throws -> any OnlineReader {
    RedisOnlineReader(try connection(), prefix: prefix, pipeline: pipeline.name)
  }

  func connection() throws -> RedisConnection { try RedisConnection(address, password: password, timeouts: Self.timeouts) }
}
