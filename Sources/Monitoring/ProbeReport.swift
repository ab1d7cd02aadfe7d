// What a prober tells a monitor: counts since its start, and what is under way at this moment.

import Measuring

public struct ProbeReport: Equatable, Sendable {
  /// The view whose rows are read back.
  public var view: String
  public var sent: Int64 = 0
  public var visible: Int64 = 0
  /// From the marker's time until its row was read back, of those that have arrived.
  public var delay = DurationDistribution()
  /// The same through the feature server; nil where none is asked.
  public var serverDelay: DurationDistribution?
  /// How long each marker that has not arrived has been under way, in ns.
  public var agesInFlight: [Int64] = []
  public var partitions: [MonitorSnapshot.Probes.Partition] = []
  /// Why no markers go out or come back, as Kafka or the store says it.
  public var trouble: String?

  public init(view: String) { self.view = view }
}
