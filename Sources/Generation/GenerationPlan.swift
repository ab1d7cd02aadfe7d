// A schema made ready to run: flat ops per event, alias tables per state, everything by pointer into one memory. A plan is immutable and
// may be shared; a `Generator` runs it.

import Base
import Schema

/// What a generator runs.
public final class GenerationPlan: @unchecked Sendable {
  /// Owns what the pointers below point at; not written after `init`.
  private let memory: PlanMemory
  let states: UnsafePointer<StatePlan>
  let binds: UnsafePointer<BindPlan>
  let initialStates: UnsafePointer<AliasEntry>
  let initialTargets: UnsafePointer<Int32>
  let initialCount: Int
  let actor: RowPicker
  let identifierIsV7: Bool
  let timeoutNanoseconds: Int64
  /// Rows that a session remembers: the actor, the bindings, and one for references to pass through.
  let rowCount: Int
  /// An upper bound on the bytes of one record, with the room that wide stores may use behind it.
  let maximumRecordByteCount: Int
  let hasKey: Bool

  public let seed: UInt64
  public let expectedEventsPerSession: Double
  let expectedSessionMilliseconds: Double
  let arrivalsPerSecond: Double
  let profile: Profile?

  /// - Parameter seed: nil for the schema's own.
  public init(_ schema: EventSchema, seed: UInt64? = nil) {
    guard let model = schema.sessions else { preconditionFailure("the reader refuses this") }
    self.seed = seed ?? schema.seed
    let memory = PlanMemory()
    var compiler = EventCompiler(schema, seed: self.seed, memory: memory)
    let events = schema.events.map { compiler.compile($0) }
    var binds: [BindPlan] = []
    var states: [StatePlan] = []
    for state in model.states {
      let weights = state.next.isEmpty ? [1] : state.next.map(\.weight)
      let targets = state.next.isEmpty ? [-1] : state.next.map { Int32($0.state ?? -1) }
      states.append(
        StatePlan(
          ops: events[state.event], firstBind: Int32(binds.count), bindCount: Int32(state.binds.count),
          think: ThinkTime(state.think), transitions: memory.array(AliasTable.columns(weights)), targets: memory.array(targets),
          targetCount: targets.count))
      for bind in state.binds {
        let entity = schema.entities[model.bindings[bind.binding].entity]
        binds.append(BindPlan(row: bind.binding + 1, picker: compiler.picker(bind.pick, count: entity.count)))
      }
    }
    self.states = memory.array(states)
    self.binds = memory.array(binds)
    initialStates = memory.array(AliasTable.columns(model.initial.map(\.weight)))
    initialTargets = memory.array(model.initial.map { Int32($0.state) })
    initialCount = model.initial.count
    actor = compiler.picker(model.actorPick, count: schema.entities[model.actor].count)
    identifierIsV7 = model.identifierVersion == .v7
    timeoutNanoseconds =
      model.timeoutMilliseconds.map { $0.multipliedReportingOverflow(by: 1_000_000) }
      .map { $0.overflow ? .max : $0.partialValue } ?? .max
    rowCount = model.bindings.count + 2
    maximumRecordByteCount = compiler.maximumByteCount
    hasKey = schema.output.keyPath != nil
    expectedEventsPerSession = SessionArithmetic.expectedEventCount(model)
    expectedSessionMilliseconds = SessionArithmetic.expectedMilliseconds(model)
    arrivalsPerSecond = model.arrivalsPerSecond
    profile = model.profiles.first
    self.memory = memory
  }
}

/// One state, ready to run.
struct StatePlan: BitwiseCopyable {
  var ops: UnsafePointer<FieldOp>
  var firstBind: Int32
  var bindCount: Int32
  var think: ThinkTime
  var transitions: UnsafePointer<AliasEntry>
  /// -1 ends the session.
  var targets: UnsafePointer<Int32>
  var targetCount: Int
}

/// A row drawn when a state is entered.
struct BindPlan: BitwiseCopyable {
  /// Index among the session's rows.
  var row: Int
  var picker: RowPicker
}

/// A pause in nanoseconds.
struct ThinkTime: BitwiseCopyable {
  private var shape: NumberParameters.Shape
  private var first: Double
  private var second: Double

  init(_ distribution: Distribution) {
    (shape, first, second) = distribution.parameters(unit: 1e6)
  }

  /// Never negative; at most about 100 years.
  @inline(__always)
  func draw(_ random: inout Random, _ table: NormalTable) -> Int64 {
    let value: Double
    switch shape {
    case .constant: value = first
    case .lognormal: value = FloatMath.exp(first + second * random.normal(table))
    case .exponential: value = first * random.exponential()
    case .uniform: value = first + second * random.unit()
    }
    return Int64(min(max(value, 0), 3e18))
  }
}

extension Distribution {
  /// The parameters of `NumberParameters`, for values of `unit` parts.
  func parameters(unit: Double) -> (shape: NumberParameters.Shape, first: Double, second: Double) {
    switch self {
    case .constant(let value): return (.constant, value * unit, 0)
    case .lognormal(let median, let sigma):
      // A median of 0 is the constant 0; a negative one has no logarithm.
      return median > 0 ? (.lognormal, FloatMath.log(median * unit), sigma) : (.constant, 0, 0)
    case .exponential(let mean): return (.exponential, mean * unit, 0)
    case .uniform(let low, let high): return (.uniform, low * unit, (high - low) * unit)
    case .uniformInteger, .normal, .pareto, .poisson, .zipf, .histogram, .mixture: preconditionFailure("the reader refuses this")
    }
  }
}
