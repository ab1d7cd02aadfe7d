// The sessions of a schema, ready to run.

import Base
import Schema

struct SessionPlan {
  let states: UnsafePointer<StatePlan>
  let binds: UnsafePointer<BindPlan>
  let initialStates: UnsafePointer<AliasEntry>
  let initialTargets: UnsafePointer<Int32>
  let initialCount: Int
  let actor: RowPicker
  /// How many rows of the device's entity an actor has; 0 and 0 without devices.
  let deviceLeast: UInt64
  let deviceMost: UInt64
  let deviceSeed: UInt64
  let identifierIsV7: Bool
  let timeoutNanoseconds: Int64
  let anonymousShare: Double
  let botShare: Double
  let botThink: Sampler
  let botActorCount: UInt64
  /// Fields of the actor by which an outage keeps sessions away, by index into the plan's incidents.
  let outages: [(incident: Int, filter: RowFilter)]
  let swarms: [(incident: Int, perSecond: Double, think: Sampler, actorCount: UInt64)]
  let model: SessionModel
  let expectedEvents: Double
  let expectedMilliseconds: Double

  init(_ model: SessionModel, _ schema: EventSchema, seed: UInt64, _ memory: PlanMemory) {
    self.model = model
    var binds: [BindPlan] = []
    var states: [StatePlan] = []
    for state in model.states {
      let weights = state.next.isEmpty ? [1] : state.next.map(\.weight)
      let targets = state.next.isEmpty ? [-1] : state.next.map { Int32($0.state ?? -1) }
      states.append(
        StatePlan(
          think: memory.sampler(state.think, unit: 1e6), transitions: memory.array(AliasTable.columns(weights)),
          targets: memory.array(targets), targetCount: Int32(targets.count), program: UInt16(state.event),
          flags: state.identifies ? .identified : [], firstBind: Int32(binds.count), bindCount: Int32(state.binds.count)))
      for bind in state.binds {
        let entity = model.bindings[bind.binding].entity
        binds.append(
          BindPlan(binding: bind.binding, row: bind.binding + 2, picker: memory.picker(bind.pick, of: entity, schema, seed: seed)))
      }
    }
    self.states = memory.array(states)
    self.binds = memory.array(binds)
    initialStates = memory.array(AliasTable.columns(model.initial.map(\.weight)))
    initialTargets = memory.array(model.initial.map { Int32($0.state) })
    initialCount = model.initial.count
    actor = memory.picker(model.actorPick, of: model.actor, schema, seed: seed)
    let ownership = model.device.flatMap { schema.entities[$0].ownership }
    deviceLeast = UInt64(ownership?.least ?? 0)
    deviceMost = UInt64(ownership?.most ?? 0)
    deviceSeed = Hash.mix(seed ^ 0x6465_7669, GenerationSeeds.hash(model.device.map { schema.entities[$0].name } ?? ""))
    identifierIsV7 = model.identifierVersion == .v7
    timeoutNanoseconds =
      model.timeoutMilliseconds.map { $0.multipliedReportingOverflow(by: 1_000_000) }
      .map { $0.overflow ? .max : $0.partialValue } ?? .max
    anonymousShare = model.anonymousShare
    botShare = model.bots?.share ?? 0
    botThink = memory.sampler(model.bots?.think ?? .constant(0), unit: 1e6)
    botActorCount = UInt64(max(model.bots?.actorCount ?? 1, 1))
    var outages: [(incident: Int, filter: RowFilter)] = []
    var swarms: [(incident: Int, perSecond: Double, think: Sampler, actorCount: UInt64)] = []
    for (index, incident) in schema.incidents.enumerated() {
      switch incident.kind {
      case .outage(let field, let value):
        outages.append((index, RowFilter(schema.entities[model.actor], field: field, value: value, seed: seed, memory)))
      case .botSwarm(let rate, let think, let actors):
        swarms.append((index, rate, memory.sampler(think, unit: 1e6), UInt64(max(actors, 1))))
      default: break
      }
    }
    self.outages = outages
    self.swarms = swarms
    expectedEvents = SessionArithmetic.expectedEventCount(model)
    expectedMilliseconds = SessionArithmetic.expectedMilliseconds(model)
  }
}

/// One state, ready to run.
struct StatePlan: BitwiseCopyable {
  var think: Sampler
  var transitions: UnsafePointer<AliasEntry>
  /// -1 ends the session.
  var targets: UnsafePointer<Int32>
  var targetCount: Int32
  var program: UInt16
  /// What the session is from here on.
  var flags: SessionFlags
  var firstBind: Int32
  var bindCount: Int32
}

/// A row drawn when a state is entered.
struct BindPlan: BitwiseCopyable {
  /// Index into the model's bindings.
  var binding: Int
  /// Index among the session's rows.
  var row: Int
  var picker: RowPicker
}

/// Which rows of an entity have a certain value in a field that is a choice or a constant.
struct RowFilter {
  private let matches: [Bool]
  private let entries: UnsafePointer<AliasEntry>
  private let fieldSeed: UInt64

  init(_ entity: EntityDefinition, field: Int, value: Scalar, seed: UInt64, _ memory: PlanMemory) {
    let definition = entity.fields[field]
    var values: [Scalar] = []
    var weights: [Double] = []
    switch definition.generator {
    case .const(let scalar): (values, weights) = ([scalar], [1])
    case .choice(let choices, let theirs): (values, weights) = (choices, theirs)
    default: (values, weights) = ([.null], [1])
    }
    matches = values.map { $0 == value }
    entries = memory.array(AliasTable.columns(weights))
    // As `EventCompiler` draws it.
    fieldSeed = Hash.mix(seed ^ 0x656e_7469_7479, GenerationSeeds.hash("\(entity.name).\(definition.name)"))
  }

  func contains(_ row: UInt64) -> Bool {
    guard matches.count > 1 else { return matches[0] }
    var random = Random(state: Hash.mix(fieldSeed, row))
    return matches[AliasTable.sample(entries, count: matches.count, &random)]
  }
}
