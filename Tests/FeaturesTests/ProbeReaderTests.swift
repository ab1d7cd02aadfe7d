// `probe:` of a pipeline, as it stands, and the exact findings where it is wrong.

import Base
import Testing

@testable import Features

@Suite struct `The probe of a pipeline` {
  @Test func `its view and its event are read, the event as JSON`() throws {
    let read = readPipeline(
      soundPipeline + "\nprobe: { view: activity, event: { event: Product Viewed, properties: { price: 1.5 } } }")
    #expect(read.findings == [])
    #expect(
      read.pipeline?.probe == ProbeDefinition(view: 0, event: #"{"event":"Product Viewed","properties":{"price":1.5}}"#))
    #expect(readPipeline(soundPipeline).pipeline?.probe == nil)
  }

  @Test(
    arguments: [
      (
        "view: activty, event: {}",
        "29:16: error[unknown-reference]: 'view' of 'probe': no view 'activty'; did you mean 'activity'?"
      ),
      (
        "view: windows, event: {}",
        "29:16: error[wrong-value]: 'view' of 'probe': view 'windows' has windows that close, and shows a marker only when its window has ended"
      ),
      ("view: activity", "29:8: error[missing-field]: missing field 'event' in 'probe'"),
      ("view: activity, event: 5", "29:33: error[wrong-type]: 'event' of 'probe': expected a mapping, found '5'"),
      (
        "view: activity, event: { $key: a }",
        "29:35: error[wrong-value]: 'event' of 'probe': '$key' is a record's metadata, which each marker gets by itself"
      ),
      (
        "view: activity, event: {}, every: 1s",
        "29:37: error[not-built]: 'every' in 'probe' is part of the pipeline language but not built in this version"
      ),
      (
        "view: activity, event: { evnt: a }",
        "29:35: warning[unknown-reference]: 'event' of 'probe': no event of schema 'clickstream' has a field 'evnt'; did you mean 'event'?"
      ),
    ])
  func `what is wrong is named with its place`(_ probe: String, _ finding: String) {
    #expect(readPipeline(soundPipeline + "\nprobe: { \(probe) }").findings == [finding])
  }
}
