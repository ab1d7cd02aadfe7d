// Whether what a process says of itself can be reckoned with. It comes from elsewhere: numbers may be anything, and sums and differences of them must not
// leave their type.

import Measuring

extension StatusDocument {
  /// Of counts and times in ms: more than anybody has, and small enough to be added up a thousand times.
  static let magnitudeMax: Int64 = 1_000_000_000_000_000
  private static let itemCountMax = 1000
  private static let textByteMax = 4000

  /// What cannot be taken for true, as `process.records is -1`; nil where all can. Fields that are added are looked at, too.
  public var refusal: String? { Self.refusal(self, "") }

  private static func refusal(_ value: Any, _ path: String) -> String? {
    switch value {
    // These check themselves when they are decoded.
    case is DurationDistribution: return nil
    case let number as Int64: return isPlausible(number) ? nil : "\(path) is \(number)"
    case let number as Int: return isPlausible(Int64(number)) ? nil : "\(path) is \(number)"
    case let number as Double: return abs(number) <= Double(magnitudeMax) ? nil : "\(path) is \(number)"
    case let text as String: return text.utf8.count <= textByteMax ? nil : "\(path) has \(text.utf8.count) bytes"
    default: break
    }
    let mirror = Mirror(reflecting: value)
    if mirror.displayStyle == .collection || mirror.displayStyle == .dictionary, mirror.children.count > itemCountMax {
      return "\(path) has \(mirror.children.count) items"
    }
    for (index, child) in mirror.children.enumerated() {
      let name = mirror.displayStyle == .optional ? nil : child.label ?? "\(index)"
      let below = name.map { path.isEmpty ? $0 : "\(path).\($0)" } ?? path
      if let found = refusal(child.value, below) { return found }
    }
    return nil
  }

  /// No field counts or dates below zero but times before 1970.
  private static func isPlausible(_ number: Int64) -> Bool { (-magnitudeMax...magnitudeMax).contains(number) }
}
