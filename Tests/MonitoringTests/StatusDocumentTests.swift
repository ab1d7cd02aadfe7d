import Foundation
import Measuring
import Monitoring
import Testing

@Suite struct `Status documents` {
  @Test func `what a process says is read again, names that are data unchanged`() throws {
    let histogram = DurationHistogram()
    histogram.record(nanoseconds: 1_500_000, count: 3)
    var document = StatusDocument(version: "1", pipeline: "shop_features", instance: "host:1", startedAt: 1, now: 2)
    var process = StatusDocument.Process()
    process.uncounted = ["type_mismatch": 2]
    process.stages.eventToLog = histogram.distribution
    process.views = [StatusDocument.Process.View(name: "user_activity", trigger: "change", emitEveryMilliseconds: 200)]
    document.process = process
    let data = try MonitoringJSON.data(of: document)
    let text = String(decoding: data, as: UTF8.self)
    #expect(text.contains(#""uncounted":{"type_mismatch":2}"#))
    #expect(text.contains(#""event_to_log":{"count":3,"counts":[3],"max_ns":"#))
    #expect(try MonitoringJSON.decode(StatusDocument.self, from: data) == document)
  }
}
