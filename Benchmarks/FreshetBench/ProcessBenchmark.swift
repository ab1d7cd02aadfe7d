// Parse and window: a file of flat 12-field clicks to nothing, one core, through the worker that `freshet process` runs. The file is read from
// the page cache.

import Base
import Features
import Foundation
import LocalTransport
import Logging
import Processing
import Records
import Windowing

let processBenchmark = Benchmark(name: "process") { scale in
  let count = scale.events(2_000_000)
  let path = NSTemporaryDirectory() + "/freshet-bench-\(getpid()).ndjson"
  defer { unlink(path) }
  try writeClicks(count: count, userCount: 100_000, to: path)
  let tumbling = view(
    "clicks", .close,
    [
      feature("clicks", .count, nil, "page == '/product'", .tumbling(size: 10_000)),
      feature("spend", .sum, "price", nil, .tumbling(size: 10_000)),
    ])
  let sliding = view(
    "activity", .change,
    [
      feature("views", .count, nil, "page == '/product'", .sliding(size: 60_000, hop: 10_000)),
      feature("spend", .sum, "price", nil, .sliding(size: 60_000, hop: 10_000)),
      feature("dearest", .max, "price", nil, .sliding(size: 60_000, hop: 10_000)),
      feature("page", .last, "page", nil, .unbounded),
    ])
  for (name, views) in [
    ("10 s tumbling per user, count and sum", [tumbling]), ("60 s sliding every 10 s, count sum max last", [sliding]),
  ] {
    let pipeline = pipeline(views)
    let least = try leastSeconds(rounds: scale.rounds, [{ try process(pipeline, path, count) }])
    printFigure("process, \(name)", seconds: least[0], events: count)
    if views.first?.trigger == .close { printRatio("  M events/s per core", Double(count) / least[0] / 1e6, target: "3 or more") }
  }
}

private func process(_ pipeline: PipelineDefinition, _ path: String, _ count: Int) throws {
  let status = ProcessingStatus()
  let worker = Worker(
    plan: try ProcessingPlan(pipeline, source: 0), source: try LineSource(path: path), store: NullRowStore(), checkpoints: nil,
    clock: SystemClock(), settings: WorkerSettings(), status: status, logger: Logger(label: "bench"), isStopRequested: { false })
  try worker.run()
  precondition(status.current.records == Int64(count) && status.current.rejectedCount == 0, "every event was counted")
}

private func pipeline(_ views: [FeatureView]) -> PipelineDefinition {
  PipelineDefinition(
    name: "bench",
    sources: [
      SourceDefinition(
        name: "clicks", kafka: nil, schema: nil, eventTime: EventTimeSettings(path: FieldPath(["ts"]), format: .epochMilliseconds),
        latenessMilliseconds: 2000, idleTimeoutMilliseconds: nil, errorAction: .stop)
    ], entities: [FeatureEntity(name: "user", keyPath: FieldPath(["user_id"]), timeToLiveMilliseconds: nil)], views: views,
    sink: nil,
    checkpoint: CheckpointSettings(everyMilliseconds: 10_000, store: .redis))
}

private func view(_ name: String, _ trigger: Trigger, _ features: [FeatureDefinition]) -> FeatureView {
  FeatureView(name: name, entity: 0, source: 0, emitEveryMilliseconds: 200, trigger: trigger, predicate: nil, features: features)
}

private func feature(
  _ name: String, _ function: AggregateFunction, _ field: String?, _ condition: String?, _ window: WindowSpecification
) -> FeatureDefinition {
  FeatureDefinition(
    name: name, function: function, field: field.map { FieldPath([$0]) },
    predicate: condition.map { try! ExpressionParser.parse($0) },
    window: window, defaultValue: nil)
}

/// Flat clicks of 12 fields and about 280 bytes, 20 000 a second of event time, a little out of order.
private func writeClicks(count: Int, userCount: UInt64, to path: String) throws {
  let writer = try FileDescriptorWriter(path: path)
  let buffer = ByteBuffer(capacity: 1 << 20)
  var random = Random(seed: 1, 2, 3)
  let pages = ["/home", "/search", "/product", "/cart", "/checkout"]
  let devices = ["ios", "android", "web"]
  for index in 0..<count {
    let time = 1_767_225_600_000 + Int64(index) / 20 - Int64(random.below(1500))
    let user = String(random.below(userCount))
    let price = Double(random.below(200_000)) / 100
    buffer.append(
      #"{"event_id":"\#(hex(random.next()))-\#(hex(random.next()))","user_id":"u\#(String(repeating: "0", count: 7 - user.count))\#(user)","#
        + #""session_id":"\#(hex(random.next()))","ts":\#(time),"page":"\#(pages[Int(random.below(5))])","referrer":"search","#
        + #""device":"\#(devices[Int(random.below(3))])","country":"DE","duration_ms":\#(random.below(100_000)),"price":\#(price),"#
        + #""position":\#(random.below(48)),"is_member":\#(random.below(2) == 0 ? "true" : "false")}"# + "\n")
    if buffer.count > 1 << 19 || index == count - 1 {
      try writer.write(UnsafeRawBufferPointer(buffer.bytes))
      buffer.removeAll()
    }
  }
}

private func hex(_ value: UInt64) -> String {
  let text = String(value, radix: 16)
  return String(repeating: "0", count: 16 - text.count) + text
}
