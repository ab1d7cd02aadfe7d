// A batch run that is noted for whoever looks at the process.

import Base
import Batch
import Features
import Monitoring

extension BatchRecorder {
  /// - Parameter views: Those that are run, by index; nil for all that have a schedule.
  convenience init(_ pipeline: PipelineDefinition, views: [Int]? = nil, published: [Int: Int64]) {
    let scheduled = pipeline.views.indices.filter {
      pipeline.views[$0].lanes.contains(.batch) && pipeline.views[$0].schedule != nil
    }
    self.init(
      scheduled.filter { views?.contains($0) != false }.map {
        (pipeline.views[$0].name, pipeline.views[$0].schedule?.everyMilliseconds, published[$0])
      })
  }

  /// Runs `body`, which returns what a run counted, as the run of these views.
  @discardableResult
  func recording(
    _ due: BatchScheduler.Run, of pipeline: PipelineDefinition, clock: any Clock = SystemClock(), _ body: () throws -> BatchCounts
  ) throws -> BatchCounts {
    let names = due.views.map { pipeline.views[$0].name }
    begin(names, at: clock.nowMilliseconds)
    let started = clock.monotonicNanoseconds
    do {
      let counts = try body()
      finish(
        names, asOf: due.cutoff, publishedAt: clock.nowMilliseconds, nanoseconds: Int64(clock.monotonicNanoseconds - started),
        records: counts.records, rows: counts.rowCount)
      return counts
    } catch let stop as StopRequested {
      abandon(names)
      throw stop
    } catch {
      fail(names)
      throw error
    }
  }
}
