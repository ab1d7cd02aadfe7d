// Where the rows of a batch run go, as the room that computes them sees it.
//
//   begin(run) -> write(rows) ... -> publish()      readers see nothing of the run before `publish`, and all of it afterwards
//                                 -> abandon()      or nothing, ever

import Records

/// One computation of some views as of one event time.
public struct BatchRunIdentity: Equatable, Sendable {
  /// The views that are computed, by index in `PipelineDefinition.views`.
  public var views: [Int]
  /// Records through this event time count, in ms.
  public var cutoff: Int64

  public init(views: [Int], cutoff: Int64) {
    self.views = views
    self.cutoff = cutoff
  }
}

/// Takes the rows of one run after the other. Driven by one thread at a time.
public protocol BatchOutput: AnyObject {
  /// Where this writes to, secrets redacted.
  var name: String { get }

  /// Begins a run, waiting until no other is being written.
  func begin(_ run: BatchRunIdentity) throws

  /// Takes rows of the run, in any order, each key of a view once.
  func write(_ rows: FeatureRowBatch) throws

  /// Called now and then while rows are still being computed.
  func keepAlive() throws

  /// Shows the run to readers, in place of the one before.
  func publish() throws

  /// Gives the run up; readers keep the one before. Called where any of the others has thrown, too.
  func abandon()
}
