// Rows of a Redis Cluster. They lie on many nodes and their fence on one, so no script sees both: the fence is told first how far the rows may
// reach, then every row is written by a script that compares its `_position` and `_generation`, then the fence is told that they are written.
//
// The generation is checked before and after; what a worker that was overtaken still writes in between shows nothing that the fence did not
// announce, and never lies over a row of a later generation.

import Base
import Features
import Records

/// Driven by the thread that drives the store.
final class ClusterRows {
  private let layouts: [ViewLayout]
  private let script = RedisScript(FenceScripts.clusterRow)
  private let keyText = ByteBuffer(capacity: 256)
  private let key = ByteBuffer(capacity: 256)
  private var digest = ""

  init(_ layouts: [ViewLayout]) { self.layouts = layouts }

  /// Writes all rows of the parts; they are confirmed on return.
  func write(
    _ rows: FeatureRowBatch, _ parts: [(part: PartitionRows, held: RedisFences.Held?)], writtenAt: Int64, to cluster: RedisCluster
  ) throws {
    var places: [(part: Int, view: Int, row: Int)] = []
    for (index, (part, _)) in parts.enumerated() {
      part.rewind()
      while let (view, row) = part.peek() {
        places.append((index, view, row))
        part.advance()
      }
    }
    guard !places.isEmpty, let node = try cluster.masters().first else { return }
    // The same on all nodes.
    digest = try script.digest(on: node)
    var pipeline = ClusterPipeline(cluster, what: "writing features")
    pipeline.prepare = { [self] node, hasForgotten in
      if hasForgotten { script.forget() }
      digest = try script.digest(on: node)
    }
    try pipeline.run(
      count: places.count,
      append: { index, out in
        let (part, view, row) = places[index]
        return append(rows, row, layouts[view], parts[part].part.position, parts[part].held, writtenAt, to: out)
      }, answer: { _, _ in })
  }

  /// Appends the call that writes one row; returns its key's slot.
  private func append(
    _ rows: FeatureRowBatch, _ index: Int, _ layout: ViewLayout, _ position: FlushPosition?, _ held: RedisFences.Held?,
    _ writtenAt: Int64, to out: ByteBuffer
  ) -> Int {
    let row = rows.rows[index]
    key.removeAll()
    layout.appendKey(of: row, in: rows, to: key, scratch: keyText)
    RESP.appendCommand(argumentCount: 4 + 5 + layout.groupArgumentCount - 1 + layout.argumentCountPerRow, to: out)
    RESP.append("EVALSHA", to: out)
    RESP.append(digest, to: out)
    RESP.append("1", to: out)
    out.append(key.bytes)
    if let position, let held {
      RESP.append(Int64(position.partition), to: out)
      RESP.append(position.rowOffset, to: out)
      RESP.append(held.generation, to: out)
      RESP.append(held.base, to: out)
    } else {
      for _ in 0..<4 { RESP.append("", to: out) }
    }
    RESP.append(writtenAt, to: out)
    layout.appendFields(to: out)
    layout.appendValues(of: row, in: rows, to: out)
    return KeySlot.of(keyText.bytes)
  }
}
