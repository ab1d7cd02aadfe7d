// What a sample says about each field, gathered in one pass and bounded memory: how often it is there, which types it has, ranges, a
// reservoir of numbers, the most common texts, common shapes.

import Configuration

/// The values that stood at one place.
final class ValueProfile {
  /// Times that it was there, null included.
  private(set) var count = 0
  private(set) var nullCount = 0
  private(set) var boolCount = 0
  private(set) var trueCount = 0
  private(set) var numbers = NumberProfile()
  private(set) var texts = TextProfile()
  private(set) var object: ObjectProfile?
  private(set) var objectCount = 0
  private(set) var items: ValueProfile?
  private(set) var lengths: (count: Int, least: Int, most: Int) = (0, .max, 0)

  static let depthMax = 40

  func add(_ node: ConfigurationNode, depth: Int = 0) {
    count += 1
    guard depth < Self.depthMax else { return }
    switch node.content {
    case .scalar(let scalar):
      switch ScalarMeaning(scalar) {
      case .null: nullCount += 1
      case .bool(let value):
        boolCount += 1
        if value { trueCount += 1 }
      case .integer(let value): numbers.add(Double(value), integer: value, text: scalar.text)
      case .double(let value): numbers.add(value, integer: nil, text: scalar.text)
      case .string(let text): texts.add(text)
      }
    case .sequence(let values):
      lengths = (lengths.count + 1, min(lengths.least, values.count), max(lengths.most, values.count))
      if items == nil { items = ValueProfile() }
      for value in values.prefix(1000) { items?.add(value, depth: depth + 1) }
    case .mapping(let pairs):
      objectCount += 1
      if object == nil { object = ObjectProfile() }
      object?.add(pairs, depth: depth + 1)
    }
  }
}

/// Objects by their names, in the order in which these were first met.
final class ObjectProfile {
  /// With more names than this the names are data themselves.
  static let nameCountMax = 200

  private(set) var count = 0
  private(set) var names: [String] = []
  private(set) var fields: [String: ValueProfile] = [:]
  /// Once there are too many names: all names, and all their values.
  private(set) var map: (names: TextProfile, values: ValueProfile, least: Int, most: Int)?

  func add(_ pairs: [(key: ConfigurationNode, value: ConfigurationNode)], depth: Int = 0) {
    count += 1
    if map == nil, fields.count + pairs.count > Self.nameCountMax {
      let new = pairs.count { fields[$0.key.scalarText ?? ""] == nil }
      if fields.count + new > Self.nameCountMax { map = (TextProfile(), ValueProfile(), .max, 0) }
    }
    if map != nil {
      map!.least = min(map!.least, pairs.count)
      map!.most = max(map!.most, pairs.count)
      for pair in pairs {
        map!.names.add(pair.key.scalarText ?? "")
        map!.values.add(pair.value, depth: depth)
      }
      return
    }
    for pair in pairs {
      let name = pair.key.scalarText ?? ""
      let profile: ValueProfile
      if let known = fields[name] {
        profile = known
      } else {
        profile = ValueProfile()
        fields[name] = profile
        names.append(name)
      }
      profile.add(pair.value, depth: depth)
    }
  }
}

/// Numbers at one place.
struct NumberProfile {
  static let reservoirCount = 2000
  static let distinctCountMax = 64

  private(set) var count = 0
  private(set) var integerCount = 0
  private(set) var least = Double.infinity
  private(set) var most = -Double.infinity
  private(set) var decimals = 0
  private(set) var first: Int64?
  /// The difference of each value to the one before, where it is always the same.
  private(set) var step: Int64?
  private(set) var isArithmetic = true
  private(set) var risingCount = 0
  /// An even sample of the values.
  private(set) var reservoir: [Double] = []
  /// How often each value was met, nil once there are too many.
  private(set) var counts: [Double: Int]? = [:]
  private var previous: Double?
  private var previousInteger: Int64?
  private var random: UInt64 = 0x9e37_79b9_7f4a_7c15

  mutating func add(_ value: Double, integer: Int64?, text: String) {
    count += 1
    least = min(least, value)
    most = max(most, value)
    if let previous, value >= previous { risingCount += 1 }
    previous = value
    if let integer {
      integerCount += 1
      if first == nil { first = integer }
      if let previousInteger, isArithmetic {
        let (difference, overflow) = integer.subtractingReportingOverflow(previousInteger)
        if overflow || difference == 0 || step.map({ $0 != difference }) ?? false { isArithmetic = false }
        step = difference
      }
      previousInteger = integer
    } else {
      isArithmetic = false
      let fraction = text.split(separator: ".").dropFirst().first.map { $0.prefix { ("0"..."9").contains($0) }.count } ?? 0
      decimals = max(decimals, text.contains(where: { $0 == "e" || $0 == "E" }) ? 17 : fraction)
    }
    counts?[value, default: 0] += 1
    if let kept = counts, kept.count > Self.distinctCountMax { counts = nil }
    sample(value)
  }

  /// Algorithm R (Vitter, 1985).
  private mutating func sample(_ value: Double) {
    if reservoir.count < Self.reservoirCount {
      reservoir.append(value)
      return
    }
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    let place = Int(random % UInt64(count))
    if place < reservoir.count { reservoir[place] = value }
  }
}

/// Texts at one place.
struct TextProfile {
  static let distinctCountMax = 256

  private(set) var count = 0
  private(set) var emptyCount = 0
  private(set) var uuidCount = 0
  private(set) var uuid7Count = 0
  private(set) var ip4Count = 0
  private(set) var ip6Count = 0
  private(set) var emailCount = 0
  private(set) var urlCount = 0
  private(set) var spaceCount = 0
  private(set) var length: (least: Int, most: Int) = (.max, 0)
  private(set) var words: (least: Int, most: Int) = (.max, 0)
  private(set) var times = TimeProfile()
  private(set) var distinct = DistinctCounter()
  private(set) var shape: TextShape?
  private var hasShape = true
  /// How often each text was met, nil once there are too many.
  private(set) var counts: [String: Int]? = [:]
  /// The texts in the order in which they were first met.
  private(set) var order: [String] = []

  mutating func add(_ text: String) {
    count += 1
    if text.isEmpty { emptyCount += 1 }
    length = (min(length.least, text.count), max(length.most, text.count))
    let wordCount = text.split(separator: " ").count
    words = (min(words.least, wordCount), max(words.most, wordCount))
    if text.contains(" ") { spaceCount += 1 }
    switch TextKind(text) {
    case .uuid(let version):
      uuidCount += 1
      if version == 7 { uuid7Count += 1 }
    case .ip4: ip4Count += 1
    case .ip6: ip6Count += 1
    case .email: emailCount += 1
    case .url: urlCount += 1
    case .other: break
    }
    times.add(text)
    distinct.add(text)
    if hasShape {
      if shape == nil { shape = TextShape(text) } else { shape = shape?.merged(with: text) }
      hasShape = shape != nil
    }
    guard counts != nil else { return }
    if counts![text] == nil {
      order.append(text)
      if order.count > Self.distinctCountMax || text.utf8.count > 400 {
        counts = nil
        order = []
        return
      }
    }
    counts![text, default: 0] += 1
  }
}
