// A batch run that is noted for whoever looks at the process.

import Base
import Batch
import Features
import Monitoring

extension BatchRecorder {
  convenience init(_ pipeline: PipelineDefinition, published: [Int: Int64]) {
    self.init(
      pipeline.views.indices.filter { pipeline.views[$0].lanes.contains(.batch) && pipeline.views[$0].schedule != nil }.map {
        (pipeline.views[$0].name, pipeline.views[$0].schedule?.everyMilliseconds, published[$0])
      })
  }

  /// Runs `body`, which returns what a run counted, as the run of these views.
  func recording(
    _ due: BatchScheduler.Run, of pipeline: PipelineDefinition, clock: any Clock = SystemClock(), _ body: () throws -> BatchCounts
  ) throws {
    let names = due.views.map { pipeline.views[$0].name }
    begin(names, at: clock.nowMilliseconds)
    let started = clock.monotonicNanoseconds
    do {
      let counts = try body()
      finish(
        names, asOf: due.cutoff, publishedAt: clock.nowMilliseconds, nanoseconds: Int64(clock.monotonicNanoseconds - started),
        records: counts.records, rows: counts.rowCount)
    } catch {
      fail(names)
      throw error
    }
  }
}
