// What a snapshot is the state of, as one number: every number and name of the views in a fixed order, hashed. Changing anything here that
// today's plans go through makes the snapshots of earlier versions unreadable.

import Base

struct Fingerprint {
  private let bytes = ByteBuffer()

  static func of(_ views: [ViewSpecification], lateness: Int64, meaning: String) -> UInt64 {
    let fingerprint = Fingerprint()
    fingerprint.add(lateness)
    fingerprint.add(meaning)
    fingerprint.add(Int64(views.count))
    for view in views { fingerprint.add(view) }
    return Hash.bytes(fingerprint.bytes.base, count: fingerprint.bytes.count)
  }

  func add(_ number: Int64) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append($0.bindMemory(to: UInt8.self)) }
  }

  func add(_ text: String) {
    add(Int64(text.utf8.count))
    bytes.append(text)
  }

  /// An index or a duration that may be absent.
  private func add(optional number: Int64?) {
    add(number == nil ? 0 : 1)
    add(number ?? 0)
  }

  private func add(_ view: ViewSpecification) {
    add(Int64(view.identifier))
    add(optional: view.keyColumn.map(Int64.init))
    add(view.trigger.rawValue)
    add(optional: view.predicate.map(Int64.init))
    add(optional: view.timeToLive)
    add(Int64(view.aggregates.count))
    for aggregate in view.aggregates { add(aggregate) }
  }

  private func add(_ aggregate: AggregateSpecification) {
    add(aggregate.function.rawValue)
    for number in aggregate.parameters.numbers { add(number) }
    add(optional: aggregate.column.map(Int64.init))
    add(optional: aggregate.predicate.map(Int64.init))
    add(aggregate.window)
  }

  private func add(_ window: WindowSpecification) {
    switch window {
    case .tumbling(let size, let offset): for number in [1, size, offset] { add(number) }
    case .sliding(let size, let hop, let offset): for number in [2, size, hop, offset] { add(number) }
    case .cumulating(let max, let step, let offset): for number in [3, max, step, offset] { add(number) }
    case .session(let gap): for number in [4, gap] { add(number) }
    case .unbounded: add(5)
    }
  }
}
