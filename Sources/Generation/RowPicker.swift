// Which row of an entity: by rank, with ranks that may drift from row to row, among the rows that exist at the time.

import Base
import Schema

/// Draws rows. What its addresses point at is kept alive by the plan's memory.
struct RowPicker: BitwiseCopyable {
  enum Shape: UInt8, BitwiseCopyable {
    case uniform
    case zipf
    case weights
  }

  var count: UInt64
  var shape: Shape
  /// Whether ranks drift or rows come and go.
  var isRare = false
  /// A `ZipfSampler`, or alias entries.
  var table: UInt64 = 0
  /// Of the ranks' occupants.
  var seed: UInt64 = 0
  /// Nanoseconds; 0 for none.
  var drift: Int64 = 0
  var population = Population()
  /// Of the rows' lives.
  var lifeSeed: UInt64 = 0
  /// How many rows come and go together: those of one owner.
  var rowsPerLife: UInt64 = 1

  /// Which rows exist.
  struct Population: BitwiseCopyable {
    var initial: UInt64 = .max
    /// Nanoseconds between joins.
    var joinGap: Double = 0
    /// Mean nanoseconds; 0 for ever.
    var lifetime: Double = 0
  }

  /// How often a row that does not exist is drawn again before it is taken all the same, or any that has joined.
  private static let tries = 32

  /// - Parameters:
  ///   - time: ns since the epoch.
  ///   - elapsed: ns since the start of the stream.
  @inline(__always)
  func draw(_ random: inout Random, time: Int64, elapsed: Int64) -> UInt64 {
    isRare ? drawRare(&random, time, elapsed) : rank(&random)
  }

  @inline(__always)
  private func rank(_ random: inout Random) -> UInt64 {
    switch shape {
    case .uniform: return random.below(count)
    case .zipf:
      let pointer = UnsafeRawPointer(bitPattern: UInt(table)).unsafelyUnwrapped
      return Unmanaged<ZipfSampler>.fromOpaque(pointer)._withUnsafeGuaranteedRef { UInt64($0.sample(&random)) }
    case .weights:
      let entries = UnsafeRawPointer(bitPattern: UInt(table)).unsafelyUnwrapped.assumingMemoryBound(to: AliasEntry.self)
      return UInt64(AliasTable.sample(entries, count: Int(count), &random))
    }
  }

  @inline(never)
  private func drawRare(_ random: inout Random, _ time: Int64, _ elapsed: Int64) -> UInt64 {
    let present = min(joined(elapsed) * rowsPerLife, count)
    let isEven = shape == .uniform && drift == 0
    var row: UInt64 = 0
    for _ in 0..<Self.tries {
      row = isEven ? random.below(present) : occupant(of: rank(&random), time)
      if exists(row / rowsPerLife, elapsed) { return row }
    }
    return row < present ? row : random.below(present)
  }

  /// The row at a rank. Each rank changes its occupant every `drift`, at a moment of its own, to any row.
  private func occupant(of rank: UInt64, _ time: Int64) -> UInt64 {
    guard drift > 0 else { return rank }
    let phase = Hash.mix(seed, rank).multipliedFullWidth(by: UInt64(drift)).high
    let shifted = time.addingReportingOverflow(Int64(phase)).partialValue
    let epoch = floorDivide(shifted, drift)
    return Hash.mix(Hash.mix(seed, rank &+ 1), UInt64(bitPattern: epoch)).multipliedFullWidth(by: count).high
  }

  private func joined(_ elapsed: Int64) -> UInt64 {
    let count = count / rowsPerLife
    guard population.initial < count else { return max(count, 1) }
    let joins = population.joinGap > 0 ? UInt64(min(max(Double(elapsed) / population.joinGap, 0), 1e18)) : 0
    return max(min(population.initial &+ joins, count), 1)
  }

  private func exists(_ row: UInt64, _ elapsed: Int64) -> Bool {
    guard row < joined(elapsed) else { return false }
    guard population.lifetime > 0 else { return true }
    // Who is there at the start has an exponential time left: it has no memory.
    let arrival = row < population.initial ? 0 : Double(row - population.initial + 1) * population.joinGap
    var random = Random(state: Hash.mix(lifeSeed, row))
    return Double(elapsed) < arrival + random.exponential() * population.lifetime
  }
}

extension PlanMemory {
  /// - Parameters:
  ///   - index: which of the schema's entities is drawn from.
  ///   - seed: of the plan; drift and lives are functions of it and the entity's name.
  func picker(_ pick: RowPick, of index: Int, _ schema: EventSchema, seed: UInt64) -> RowPicker {
    let entity = schema.entities[index]
    // Rows with an owner come and go with it.
    let life = entity.ownership.map { schema.entities[$0.owner] } ?? entity
    var picker = RowPicker(count: UInt64(entity.count), shape: .uniform)
    switch pick.shape {
    case .uniform: break
    case .zipf(let exponent):
      picker.shape = .zipf
      picker.table = zipf(count: entity.count, exponent: exponent)
    case .weights(let weights):
      picker.shape = .weights
      picker.count = UInt64(weights.count)
      picker.table = UInt64(UInt(bitPattern: array(AliasTable.columns(weights))))
    }
    picker.seed = Hash.mix(seed ^ 0x7069_636b, GenerationSeeds.hash(entity.name))
    picker.drift = Int64(min((pick.driftMilliseconds ?? 0) * 1e6, 9e18))
    picker.lifeSeed = Hash.mix(seed ^ 0x7069_636b, GenerationSeeds.hash(life.name)) ^ 0x6c69_6665
    picker.rowsPerLife = UInt64(max(entity.ownership?.most ?? 1, 1))
    if let growth = life.growth {
      picker.population.initial = UInt64(growth.initial)
      picker.population.joinGap = growth.perDay > 0 ? 86_400e9 / growth.perDay : 0
    }
    picker.population.lifetime = (life.lifetimeMilliseconds ?? 0) * 1e6
    picker.isRare = picker.drift > 0 || life.growth != nil || picker.population.lifetime > 0
    return picker
  }
}
