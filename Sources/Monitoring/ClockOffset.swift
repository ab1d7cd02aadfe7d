// How far another clock is ahead of ours, from requests that it answers with its time: the answer was written between request and response, so at its
// middle, give or take half of the round trip. The shortest of the last round trips says it best.
// RFC 5905 (NTP), section 8, with the server's two times as one.

struct ClockOffset {
  private var samples: [(roundTrip: Double, offset: Double)] = []
  private static let sampleCount = 16

  /// - Parameters: All in ms; `requested` and `answered` by our clock, `theirs` by the other.
  mutating func note(requested: Double, answered: Double, theirs: Double) {
    guard answered >= requested else { return }
    // Their time is cut to a whole ms: it was half of one more, on the average.
    samples.append((answered - requested, theirs + 0.5 - (requested + answered) / 2))
    if samples.count > Self.sampleCount { samples.removeFirst() }
  }

  mutating func reset() { samples = [] }

  /// In ms, with how far it may be off: half of the round trip, and the millisecond in which their time is written.
  var estimate: (offset: Double, error: Double)? {
    samples.min { $0.roundTrip < $1.roundTrip }.map { ($0.offset, $0.roundTrip / 2 + 0.5) }
  }
}
