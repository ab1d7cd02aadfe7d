// A file of flat clicks, and a pipeline over it: what the benchmarks of the whole path from bytes to rows share.

import Base
import Configuration
import Features
import Foundation
import LocalTransport
import Processing
import Records

/// A file of `count` flat clicks of 12 fields and about 280 bytes by `userCount` users in 100 s of event time, up to 1.5 s out of order. Gone with its owner.
final class ClickFile {
  let path: String
  let count: Int

  init(count: Int, userCount: UInt64) throws {
    path = NSTemporaryDirectory() + "/freshet-bench-\(getpid()).ndjson"
    self.count = count
    let writer = try FileDescriptorWriter(path: path)
    let buffer = ByteBuffer(capacity: 1 << 20)
    var random = Random(seed: 1, 2, 3)
    for index in 0..<count {
      buffer.append(Self.click(1_767_225_600_000 + Int64(index) * 100_000 / Int64(count), userCount, &random))
      if buffer.count > 1 << 19 || index == count - 1 {
        try writer.write(UnsafeRawBufferPointer(buffer.bytes))
        buffer.removeAll()
      }
    }
  }

  deinit { unlink(path) }

  static func click(_ latest: Int64, _ userCount: UInt64, _ random: inout Random) -> String {
    let time = latest - Int64(random.below(1500))
    let user = String(random.below(userCount))
    let page = ["/home", "/search", "/product", "/cart", "/checkout"][Int(random.below(5))]
    let device = ["ios", "android", "web"][Int(random.below(3))]
    let price = Double(random.below(200_000)) / 100
    return
      #"{"event_id":"\#(hex(random.next()))-\#(hex(random.next()))","user_id":"u\#(String(repeating: "0", count: 7 - user.count))\#(user)","#
      + #""session_id":"\#(hex(random.next()))","ts":\#(time),"page":"\#(page)","referrer":"search","#
      + #""device":"\#(device)","country":"DE","duration_ms":\#(random.below(100_000)),"price":\#(price),"#
      + #""position":\#(random.below(48)),"is_member":\#(random.below(2) == 0 ? "true" : "false")}"# + "\n"
  }

  private static func hex(_ value: UInt64) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }

  /// Runs a pipeline over the file to nothing, on this thread, through the worker that `freshet process` runs.
  @discardableResult
  func process(
    _ pipeline: PipelineDefinition, to store: any FeatureStore = NullRowStore(), recentEvents: (any RecentEventsSink)? = nil
  ) throws -> ProcessingCounts {
    let status = ProcessingStatus()
    let plan = try ProcessingPlan(
      pipeline, source: 0, recentViewNames: recentEvents == nil ? [] : pipeline.viewNames(in: .rt))
    let worker = Worker(
      plan: plan, source: try LineSource(path: path), store: store, checkpoints: nil, recentEvents: recentEvents,
      clock: SystemClock(), settings: WorkerSettings(), status: status, logger: .silent, isStopRequested: { false })
    try worker.run()
    precondition(status.current.records == Int64(count) && status.current.rejectedCount == 0, "every event was counted")
    return status.current
  }
}

/// A pipeline over flat clicks, with `views` as they stand in YAML under `views:`, each line indented by two.
func clickPipeline(_ views: String) throws -> PipelineDefinition {
  let text = """
    version: 1
    kind: pipeline
    name: bench
    sources:
      clicks:
        event_time: { field: ts, format: epoch_ms }
        watermark: { lateness: 2s }
        on_error: { action: stop }
    entities:
      user: { key: user_id }
    views:

    """
  let diagnostics = Diagnostics(file: "bench.yaml")
  let pipeline = PipelineReader.read(text: text + views, diagnostics: diagnostics)
  try diagnostics.throwIfErrors()
  return pipeline!
}
