// What all pane groups of a partition share: the watermark, and the next moments at which one of them has something to do.

final class EventTime {
  var watermark: Watermark
  /// The least watermark at which a window closes; `Int64.max` for none.
  var nextClose: Int64 = .max
  /// The least stream time at which a pane leaves a value or keys are swept; `Int64.max` for none.
  var nextLeave: Int64 = .max

  init(lateness: Int64, hasSeveralInputs: Bool) {
    watermark = Watermark(lateness: lateness, hasSeveralInputs: hasSeveralInputs)
  }
}
