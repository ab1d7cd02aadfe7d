// How much memory the records take that faults hold back: a rate times a delay.

import Schema

extension GenerationPlan {
  /// How many records are held back at once, about, once the stream has run for as long as its delays; and their bytes.
  public func heldRecords(_ settings: GenerationSettings) -> (count: Double, byteCount: Double) {
    let minute = scheduledRecords(settings, within: 60e9)
    let perSecond = minute.map { $0 / 60 } ?? sessions.map { $0.model.arrivalsPerSecond * $0.expectedEvents } ?? 0
    let faults = schema.faults
    var share = [faults.late, faults.duplicate].compactMap { $0 }.reduce(0.0) { sum, fault in
      sum + min(max(fault.rate, 0), 1) * min(max(fault.delay.mean, 0), fault.maximumMilliseconds)
    }
    if let reorder = faults.reorder { share += min(max(reorder.rate, 0), 1) * reorder.maximumMilliseconds / 2 }
    var count = perSecond * share / 1000 / Double(settings.shard.count)
    if let maximum = settings.maximumCount { count = min(count, Double(maximum)) }
    if let end = settings.endMilliseconds {
      count = min(count, perSecond * Double(end - settings.startMilliseconds) / 1000)
    }
    return (count, count * Double(TicketBuffer.stride(rowCount: layout.count) + 28))
  }
}
