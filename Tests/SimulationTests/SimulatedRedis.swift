// A Redis at the other end of a network that fails: connections, commands on their way there, replies on their way back. A command that was written is
// out of its writer's hands: it may be executed at once, much later, also after its connection or its writer is gone, or never.
//
//   process -- write --> [on the way] -- arrives --> executed -- reply --> [on the way] -- arrives --> read
//                            |  break: the first of them late or not at all        |  break: lost

import Base
import Records
import RedisStore

final class SimulatedRedis {
  let world: World
  let database: SimulatedDatabase
  /// Called around each command: which connection's.
  private(set) var executing: SimulatedConnection?
  /// Called after each command.
  var onExecuted: () -> Void = {}

  /// No connections can be made until then, and those that there were are broken.
  var unreachableUntil: Int64 = 0
  /// Commands wait until then: Redis is busy, or stopped.
  var stalledUntil: Int64 = 0
  /// Until then every command is refused as `LOADING`.
  var loadingUntil: Int64 = 0
  /// How likely a command meets each of its own faults.
  var lossProbability = 0.0
  /// One way, in µs.
  var latency: ClosedRange<Int64> = 50...400

  private(set) var connections: [SimulatedConnection] = []
  private(set) var commandCount = 0

  init(_ world: World) {
    self.world = world
    database = SimulatedDatabase(now: { World.epoch + world.now / 1000 })
  }

  func connect(_ process: Process) -> SimulatedConnection {
    connections.removeAll { $0.isBroken && $0.isIdle }
    let connection = SimulatedConnection(self, process)
    connections.append(connection)
    return connection
  }

  /// Connections know Redis, and Redis them.
  func forgetConnections() { connections.removeAll() }

  /// Executes one command for a connection, and sends the reply back.
  func execute(_ command: [[UInt8]], for connection: SimulatedConnection) {
    commandCount += 1
    executing = connection
    database.refusal = world.now < loadingUntil ? "LOADING Redis is loading the dataset in memory" : nil
    let reply = database.execute(command)
    onExecuted()
    executing = nil
    world.note("redis executes \(Self.describe(command)) of \(connection.name): \(Self.describe(reply))")
    connection.send(reply)
  }

  /// Breaks every connection.
  func breakAll(dropsCommands: Bool) {
    for connection in connections where !connection.isBroken { connection.break(dropsCommands: dropsCommands) }
  }

  /// Nothing that is on its way arrives: Redis is another process now.
  func forgetCommands() {
    for connection in connections { connection.forgetCommands() }
  }

  static func describe(_ command: [[UInt8]]) -> String {
    let texts = command.prefix(14).map { bytes in
      bytes.count > 40 ? "(\(bytes.count) bytes)" : String(decoding: bytes.map { $0 < 32 || $0 > 126 ? 46 : $0 }, as: UTF8.self)
    }
    return texts.joined(separator: " ") + (command.count > 14 ? " ... (\(command.count) arguments)" : "")
  }

  static func describe(_ reply: RedisValue) -> String {
    switch reply {
    case .bulk(let bytes): describe([bytes])
    case .array(let elements): "[\(elements.prefix(12).map(describe).joined(separator: ", "))]"
    case .status(let text), .error(let text): text
    case .integer(let number): "\(number)"
    case .null: "nil"
    }
  }
}

/// One connection, as its client, the network and Redis see it.
final class SimulatedConnection: RedisByteStream {
  let name: String
  let number: Int
  private let redis: SimulatedRedis
  private let world: World
  let process: Process
  private var reader = RedisCommandReader()
  /// On the way to Redis.
  private var commands: [(number: Int, bytes: [[UInt8]])] = []
  private var nextCommand = 0
  /// When the last command, and the last reply, arrives: neither overtakes another.
  private var lastArrival: Int64 = 0
  private var lastReply: Int64 = 0
  /// Replies that have come.
  private var received: [UInt8] = []
  private(set) var isBroken = false
  private var isReading = false

  /// How long a client waits for a reply, in µs.
  static let patience: Int64 = 5_000_000

  init(_ redis: SimulatedRedis, _ process: Process) {
    self.redis = redis
    self.process = process
    world = redis.world
    process.connectionCount += 1
    number = process.connectionCount
    name = "\(process.name)/\(number)"
  }

  var isIdle: Bool { commands.isEmpty }

  // MARK: The client's side

  func write(_ bytes: UnsafeBufferPointer<UInt8>) throws(RedisWireError) {
    // A process may die, or be overtaken, before its bytes are out, and right after.
    process.meetFate(isAfter: false)
    try pass(world.draw(1...20))
    reader.feed(bytes)
    while let command = reader.next() { post(command) }
    process.meetFate(isAfter: true)
    if world.chance(0.2) { try pass(world.draw(1...200)) }
    if isBroken { throw RedisWireError("Broken pipe") }
  }

  func read(into buffer: ByteBuffer) throws(RedisWireError) {
    let deadline = world.now + Self.patience
    while received.isEmpty {
      if isBroken { throw RedisWireError("Server closed the connection") }
      if process.isDead { throw RedisWireError("the process is dead") }
      guard world.now < deadline else {
        world.note("\(name) has no answer in time")
        isBroken = true
        throw .noAnswer
      }
      isReading = true
      defer { isReading = false }
      try pass(deadline - world.now)
    }
    received.withUnsafeBufferPointer { buffer.append($0) }
    received.removeAll(keepingCapacity: true)
  }

  private func pass(_ delay: Int64) throws(RedisWireError) {
    do throws(Killed) { try process.pass(delay) } catch { throw RedisWireError("the process is dead") }
  }

  // MARK: The network

  private func post(_ command: [[UInt8]]) {
    guard !isBroken else { return }
    if world.chance(redis.lossProbability) { return lose(command) }
    deliver(command, in: world.draw(redis.latency))
  }

  private func deliver(_ command: [[UInt8]], in delay: Int64) {
    lastArrival = max(lastArrival, world.now + delay)
    let number = nextCommand
    nextCommand += 1
    commands.append((number, command))
    arrive(number, at: lastArrival)
  }

  private func arrive(_ number: Int, at time: Int64) {
    world.after(time - world.now) { [self] in
      guard let first = commands.first, first.number <= number else { return }
      if world.now < redis.stalledUntil { return arrive(number, at: redis.stalledUntil) }
      // What waited behind a late one comes with it, in order.
      while let first = commands.first, first.number <= number {
        commands.removeFirst()
        redis.execute(first.bytes, for: self)
      }
    }
  }

  /// A fault of this command alone.
  private func lose(_ command: [[UInt8]]) {
    switch world.draw(0...3) {
    case 0:
      world.note("\(name) breaks before \(SimulatedRedis.describe(command)) is executed")
      self.break(dropsCommands: true)
    case 1:
      world.note("\(name) breaks, and \(SimulatedRedis.describe(command)) is executed later")
      deliver(command, in: world.draw(1000...8_000_000))
      self.break(dropsCommands: false)
    case 2:
      world.note("\(name) breaks after \(SimulatedRedis.describe(command)) is executed, its reply is lost")
      deliver(command, in: 0)
      self.break(dropsCommands: false)
    default:
      world.note("\(SimulatedRedis.describe(command)) of \(name) is slow")
      deliver(command, in: world.draw(10_000...3_000_000))
    }
  }

  /// The client learns of it at once. What is on its way is executed, or a part of it, or nothing.
  func `break`(dropsCommands: Bool) {
    guard !isBroken else { return }
    isBroken = true
    received.removeAll()
    if dropsCommands {
      commands.removeAll()
    } else if !commands.isEmpty {
      commands.removeLast(Int(world.draw(0...Int64(commands.count - 1))))
    }
    if isReading { world.wake(process) }
  }

  func forgetCommands() { commands.removeAll() }

  // MARK: Redis' side

  func send(_ reply: RedisValue) {
    guard !isBroken else { return }
    lastReply = max(lastReply, world.now + world.draw(redis.latency))
    var bytes: [UInt8] = []
    reply.encode(to: &bytes)
    world.after(lastReply - world.now) { [self] in
      guard !isBroken else { return }
      received += bytes
      if isReading { world.wake(process) }
    }
  }
}

/// How one process reaches the simulated Redis.
final class SimulatedTransport: RedisTransport {
  private let redis: SimulatedRedis
  private let process: Process

  init(_ redis: SimulatedRedis, _ process: Process) {
    self.redis = redis
    self.process = process
  }

  func open(_ address: RedisAddress) throws(RedisWireError) -> any RedisByteStream {
    do throws(Killed) { try process.pass(redis.world.draw(100...2000)) } catch { throw RedisWireError("the process is dead") }
    guard redis.world.now >= redis.unreachableUntil else { throw RedisWireError("Connection refused") }
    redis.world.note("\(process.name) connects to Redis")
    return redis.connect(process)
  }
}
