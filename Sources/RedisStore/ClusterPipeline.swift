// Commands of one key each, on their way to all nodes of a cluster at once. What a node redirects, or does not know the script of, goes again
// by itself when the others have been answered.

import Base

struct ClusterPipeline {
  let cluster: RedisCluster
  let what: String
  /// Called on a node before it is sent commands; again, with true, when it has forgotten a script.
  var prepare: (RedisConnection, Bool) throws -> Void = { _, _ in }

  /// Commands sent and not yet answered.
  private static let windowCount = 1024

  init(_ cluster: RedisCluster, what: String) {
    self.cluster = cluster
    self.what = what
  }

  /// Sends `count` commands and reads all answers; throws the first error that is none of those above.
  ///
  /// - Parameters:
  ///   - append: Appends the whole command of that number to a buffer, and returns the slot of its key.
  ///   - answer: Takes a command's answer, in any order.
  func run(count: Int, append: (Int, ByteBuffer) -> Int, answer: (Int, borrowing RedisReply) throws -> Void) throws {
    var again: [Int] = []
    let command = ByteBuffer()
    do {
      for first in stride(from: 0, to: count, by: Self.windowCount) {
        again += try window(first..<min(count, first + Self.windowCount), command, append, answer)
      }
    } catch {
      // Other nodes still have answers for us.
      cluster.disconnect()
      throw error
    }
    if !again.isEmpty { try cluster.refresh() }
    for index in again {
      command.removeAll()
      let slot = append(index, command)
      try cluster.run(slot: slot) { node in
        try prepare(node, false)
        try node.send(command.bytes)
        let reply = try node.checkedReply(what)
        try answer(index, reply)
      }
    }
  }

  /// Returns the commands that are to go again.
  private func window(
    _ range: Range<Int>, _ command: ByteBuffer, _ append: (Int, ByteBuffer) -> Int,
    _ answer: (Int, borrowing RedisReply) throws -> Void
  ) throws -> [Int] {
    var sent: [(node: RedisConnection, indices: [Int])] = []
    var places: [ObjectIdentifier: Int] = [:]
    for index in range {
      command.removeAll()
      let node = try cluster.node(ofSlot: append(index, command))
      let place =
        try places[ObjectIdentifier(node)]
        ?? {
          try prepare(node, false)
          sent.append((node, []))
          return sent.count - 1
        }()
      places[ObjectIdentifier(node)] = place
      try node.send(command.bytes)
      sent[place].indices.append(index)
    }
    for (node, _) in sent { try node.flush() }
    var again: [Int] = []
    var refusal: (any Error)?
    for (node, indices) in sent {
      var hasForgotten = false
      for index in indices {
        let reply = try node.reply()
        guard let text = reply.error else {
          try answer(index, reply)
          continue
        }
        let error = RedisError(text: text)
        if error.isForgottenScript {
          hasForgotten = true
          again.append(index)
        } else if error.isRedirect {
          again.append(index)
        } else if refusal == nil {
          refusal = error.failure(node.name, what)
        }
      }
      if hasForgotten { try prepare(node, true) }
    }
    if let refusal { throw refusal }
    return again
  }
}
