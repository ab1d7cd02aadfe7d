// How many records per second are asked for over time. Everything is a list of segments, so that a shape can be integrated and inverted
// exactly: record `j` is due where the integral reaches `j`.

/// Records per second, from the start of the stream on.
public struct LoadShape: Sendable, Equatable {
  public struct Segment: Sendable, Equatable {
    /// Milliseconds; the last one may be infinite.
    public var lengthMilliseconds: Double
    public var curve: Curve

    public init(lengthMilliseconds: Double, curve: Curve) {
      self.lengthMilliseconds = lengthMilliseconds
      self.curve = curve
    }
  }

  public enum Curve: Sendable, Equatable {
    /// From one rate to the other, linear; per second, not negative.
    case line(from: Double, to: Double)
    /// `mean + amplitude * sin(2 pi t / period)`, t from the start of the segment; `amplitude` is at most `mean`.
    case sine(mean: Double, amplitude: Double, periodMilliseconds: Double)
  }

  /// At least one, and some rate is above 0.
  public var segments: [Segment]
  /// Whether the first segment follows the last; then all are finite. Otherwise the last rate goes on.
  public var isRepeated: Bool
  /// Whether the gaps are those of a Poisson process with this rate rather than even.
  public var isRandom: Bool

  public init(segments: [Segment], isRepeated: Bool = false, isRandom: Bool = false) {
    self.segments = segments
    self.isRepeated = isRepeated
    self.isRandom = isRandom
  }

  public static func constant(_ perSecond: Double) -> LoadShape {
    LoadShape(segments: [Segment(lengthMilliseconds: .infinity, curve: .line(from: perSecond, to: perSecond))])
  }
}
