// Which faults befall a record. What happens to it is a function of the seed, its session and its number alone, drawn from streams of randomness
// that nothing else uses: so the clean stream is the same with faults and without, and shards and resumed runs agree.
//
// The faults of a record are drawn at once, as a subset of seven: its probability is the product of theirs, and an alias table over the 128
// subsets makes that one draw. Skew is a session's, and drawn from the session alone.

import Base
import Records
import Schema

struct FaultPlan {
  /// What befalls one record.
  struct Decision {
    var marks: RecordMarks
    /// Nanoseconds by which the record is held back.
    var delay: Int64
    /// Milliseconds by which its clock is wrong.
    var skew: Int64
    /// In place of the record's own.
    var program: UInt16
    /// Whether it goes out twice.
    var isRepeated: Bool
  }

  private static let kinds: [RecordMarks] = [.late, .duplicate, .reorder, .drop, .corrupt, .missing, .wrongType]

  private let seed: UInt64
  private let skewSeed: UInt64
  private let repeatSeed: UInt64
  private let subsets: UnsafePointer<AliasEntry>
  private let late: (delay: Sampler, maximum: Double)?
  private let duplicate: (delay: Sampler, maximum: Double)?
  /// In ns.
  private let reorderMaximum: Double
  private let skew: (rate: Double, offset: Sampler)?
  private let missing: [[UInt16]]
  private let wrongType: [[UInt16]]
  private let normals = NormalTable.shared
  private let memory = PlanMemory()
  /// No record is sent later than its time by more, in ns; nor is a copy, than its original.
  let delayMaximum: Int64
  let repeatMaximum: Int64

  /// A hundred years: what no sum of a time and delays can take out of bounds.
  private static let longest = 3.2e18

  init(_ plan: GenerationPlan) {
    let model = plan.schema.faults
    seed = GenerationSeeds.faults(plan.seed, 0)
    skewSeed = GenerationSeeds.faults(plan.seed, 1)
    repeatSeed = GenerationSeeds.faults(plan.seed, 2)
    let rates = [
      model.late?.rate, model.duplicate?.rate, model.reorder?.rate, model.dropRate, model.corruptRate, model.missing?.rate,
      model.wrongType?.rate,
    ].map { min(max($0 ?? 0, 0), 1) }
    let weights = (0..<1 << rates.count).map { subset in
      rates.indices.reduce(1.0) { $0 * (subset >> $1 & 1 == 1 ? rates[$1] : 1 - rates[$1]) }
    }
    subsets = memory.array(AliasTable.columns(weights))
    func delayed(_ fault: FaultModel.Delayed?, _ memory: PlanMemory) -> (delay: Sampler, maximum: Double)? {
      fault.map { (memory.sampler($0.delay, unit: 1e6), min(max($0.maximumMilliseconds * 1e6, 0), Self.longest)) }
    }
    late = delayed(model.late, memory)
    duplicate = delayed(model.duplicate, memory)
    reorderMaximum = model.reorder.map { min(max($0.maximumMilliseconds * 1e6, 0), Self.longest) } ?? 0
    skew = model.skew.map { [memory] in ($0.rate, memory.sampler($0.offset)) }
    missing = plan.missingPrograms
    wrongType = plan.wrongTypePrograms
    delayMaximum = Int64(late?.maximum ?? 0) + Int64(reorderMaximum)
    repeatMaximum = Int64(duplicate?.maximum ?? 0)
  }

  /// What befalls the record of a sound ticket.
  @inline(__always)
  func decide(_ ticket: UnsafePointer<Ticket>) -> Decision? {
    var random = Random(seed: seed, ticket.pointee.session, ticket.pointee.number)
    let subset = AliasTable.sample(subsets, count: 1 << Self.kinds.count, &random)
    var skew: Int64 = 0
    if let model = self.skew {
      var random = Random(seed: skewSeed, ticket.pointee.session, 0)
      if random.unit() < model.rate {
        // Within about 100 years.
        skew = Int64(min(max(model.offset.draw(&random, normals).rounded(), -Self.longest / 1e6), Self.longest / 1e6))
      }
    }
    guard subset != 0 || skew != 0 else { return nil }
    return detail(subset, skew, ticket, &random)
  }

  @inline(never)
  private func detail(_ subset: Int, _ skew: Int64, _ ticket: UnsafePointer<Ticket>, _ random: inout Random) -> Decision? {
    var drawn: RecordMarks = []
    for (bit, kind) in Self.kinds.enumerated() where subset >> bit & 1 == 1 { drawn.insert(kind) }
    var decision = Decision(marks: [], delay: 0, skew: 0, program: ticket.pointee.program, isRepeated: false)
    if drawn.contains(.drop) {
      decision.marks = .drop
      return decision
    }
    if drawn.contains(.late), let late {
      decision.marks.insert(.late)
      decision.delay = Int64(min(max(late.delay.draw(&random, normals), 0), late.maximum))
    }
    if drawn.contains(.reorder) {
      decision.marks.insert(.reorder)
      decision.delay += Int64(random.unit() * reorderMaximum)
    }
    decision.isRepeated = drawn.contains(.duplicate)
    if skew != 0 {
      decision.marks.insert(.skew)
      decision.skew = skew
    }
    // A tombstone has no bytes that could be wrong.
    if !ticket.pointee.marks.contains(.tombstone) {
      if drawn.contains(.corrupt) { decision.marks.insert(.corrupt) }
      if drawn.contains(.missing), let program = pick(missing, ticket.pointee.program, &random) {
        decision.marks.insert(.missing)
        decision.program = program
      } else if drawn.contains(.wrongType), let program = pick(wrongType, ticket.pointee.program, &random) {
        decision.marks.insert(.wrongType)
        decision.program = program
      }
    }
    return decision.marks.isEmpty && !decision.isRepeated ? nil : decision
  }

  /// One of the programs of a record with a faulty field; nil where its event has none of the fields.
  private func pick(_ programs: [[UInt16]], _ program: UInt16, _ random: inout Random) -> UInt16? {
    guard Int(program) < programs.count else { return nil }
    let choices = programs[Int(program)]
    return choices.isEmpty ? nil : choices[Int(random.below(UInt64(choices.count)))]
  }

  /// Nanoseconds from a record to its copy.
  func repeatDelay(_ ticket: UnsafePointer<Ticket>) -> Int64 {
    guard let duplicate else { return 0 }
    var random = Random(seed: repeatSeed, ticket.pointee.session, ticket.pointee.number)
    return Int64(min(max(duplicate.delay.draw(&random, normals), 0), duplicate.maximum))
  }
}
