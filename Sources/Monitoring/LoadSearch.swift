// Finds the highest load that a pipeline sustains, step by step: the load is doubled until a step is not sustained, then the interval is halved (in
// proportion) until it is narrow, and what was found has to hold once more, for longer. Who runs the steps says how each went.
//
//   ramp  r, 2r, 4r ...      first failure -> bisect      narrow -> confirm, longer      holds -> found
//     |                         ^    |                       |
//     +-- at the limit given -> |    +---- failure, success -+---- does not hold: a tenth less, confirm again
//                                    the lowest that failed is tried once more before: if it holds now, the ramp goes on from there
//
// A step that fails is run once more before it counts, the first of all twice: one pause of the machine is no limit of the pipeline.

/// A pure state machine.
public struct LoadSearch: Sendable {
  public struct Settings: Sendable {
    public var firstRate: Double
    public var highestRate: Double
    public var stepSeconds: Double
    /// The search ends when the lowest load that failed is no more than this above the highest that did not, as a share.
    public var precision = 0.08
    /// How much longer the confirmation is than a step.
    public var confirmationFactor = 2.0
    /// How often what failed is tried again at the end.
    public var recheckCountMax = 3
    /// How often a load that did not hold is lowered before the search gives up.
    public var confirmationCountMax = 8

    public init(firstRate: Double, highestRate: Double, stepSeconds: Double) {
      precondition(firstRate > 0 && highestRate >= firstRate && stepSeconds > 0, "a search begins below its end")
      self.firstRate = firstRate
      self.highestRate = highestRate
      self.stepSeconds = stepSeconds
    }
  }

  public enum Purpose: String, Codable, Sendable {
    case ramp, bisect
    /// Whether what failed fails again.
    case recheck
    case confirm
  }

  public enum Action: Equatable, Sendable {
    case run(rate: Double, seconds: Double, Purpose)
    /// Over: the load that was confirmed, nil where not even the lowest is sustained.
    case found(Double?)
  }

  private let settings: Settings
  /// Highest load that was sustained and lowest that was not.
  private var low: Double?
  private var high: Double?
  private var rate: Double
  private var purpose = Purpose.ramp
  private var repeatCount = 0
  private var recheckCount = 0
  private var confirmationCount = 0
  private var outcome: Double??

  public init(_ settings: Settings) {
    self.settings = settings
    rate = settings.firstRate
  }

  /// What to do first.
  public var first: Action { step }

  private var step: Action {
    .run(
      rate: rate, seconds: purpose == .confirm ? settings.stepSeconds * settings.confirmationFactor : settings.stepSeconds, purpose)
  }

  /// What to do after the last step.
  ///
  /// - Parameter isFinal: whether a failure needs no second look, because whoever sends cannot send more.
  public mutating func next(isSustained: Bool, isFinal: Bool = false) -> Action {
    if let outcome { return .found(outcome) }
    if !isSustained, !isFinal, purpose != .recheck, repeatCount < (low == nil ? 2 : 1) {
      repeatCount += 1
      return step
    }
    repeatCount = 0
    if purpose == .confirm { return confirmed(isSustained) }
    if purpose == .recheck {
      guard isSustained else { return confirm(low!) }
      high = nil
      purpose = .ramp
    }
    if isSustained { low = max(low ?? 0, rate) } else { high = min(high ?? .infinity, rate) }
    guard let low else { return finish(nil) }
    guard let high else {
      if rate >= settings.highestRate { return confirm(rate) }
      rate = min(rate * 2, settings.highestRate)
      return step
    }
    purpose = .bisect
    if high <= low * (1 + settings.precision) {
      if recheckCount == settings.recheckCountMax || isFinal { return confirm(low) }
      recheckCount += 1
      purpose = .recheck
      rate = high
      return step
    }
    rate = (low * high).squareRoot()
    return step
  }

  private mutating func confirm(_ rate: Double) -> Action {
    purpose = .confirm
    self.rate = rate
    confirmationCount += 1
    return step
  }

  private mutating func confirmed(_ isSustained: Bool) -> Action {
    if isSustained { return finish(rate) }
    let lower = rate * 0.9
    guard confirmationCount < settings.confirmationCountMax, lower >= settings.firstRate else {
      // Was the first load more than that, it is the last that can be tried.
      if rate > settings.firstRate, confirmationCount <= settings.confirmationCountMax { return confirm(settings.firstRate) }
      return finish(nil)
    }
    return confirm(lower)
  }

  private mutating func finish(_ rate: Double?) -> Action {
    outcome = .some(rate)
    return .found(rate)
  }
}
