// Learns the steps of a stream's records, from records that the general scanner has read and found valid.
//
// A place is where a value has ended: the keys and arrays around it, and whether it was a string, whose closing quote is still to come. Steps
// that can follow the same place are chained as alternatives, and a new way leads back to the known ones by a jump. A place fixes which
// objects, arrays and strings are open, so brackets and quotes match on every path through the steps, also on one that no record has taken
// yet; so fields that are missing or null now and then need few steps of their own.
//
//      place     (start)     id"         ts                    user.name"            ok
//      steps     {"id":"  -> ","ts":  -> ,"user":{"name":"  -> "},"ok":true       -> }
//                                        ,"ok":true (jump) ------------------------^
//                                                              "},"ok":false (jump) ^

import Base
import Records

/// The steps of one reader; `steps[0]` begins a record. Cold, but for `steps`: a stream has few shapes.
final class JSONSkeleton {
  static let stepCountMax = 1024
  /// Records between two reviews, at least.
  static let reviewRecordCount = 4096
  /// How many steps may follow one place: keys that are data, such as identifiers, are no shape, and each way on costs a comparison.
  static let alternativeCountMax = 16
  /// Records that may be learned at first, and how many more by each review.
  static let learnCountMax = 128
  static let learnCountPerReview = 4
  /// Places that may be known before no more is learned: records whose keys are data would name new ones for ever.
  static let placeCountMax = 16_384

  let steps: UnsafeMutablePointer<JSONStep>
  private(set) var stepCount = 0
  private let nodes: UnsafeMutablePointer<JSONNode>
  /// Where the steps begin that may follow a place.
  private var heads: [Int: Int] = [:]
  private var places: [Place: Int] = [:]
  /// A bit for each wanted object.
  private var bits: [Int32: UInt64] = [:]
  private var learnCount = JSONSkeleton.learnCountMax

  /// Since the last review.
  private var recordCount = 0
  private var followedCount = 0
  private var reviewCount = 0
  /// For how many more records the steps are left alone, and for how many next time.
  private var restCount = 0
  private var nextRestCount = JSONSkeleton.reviewRecordCount

  /// Places by what leads to them: a key or the elements of an array, seen from the place of their object or array.
  struct Place: Hashable {
    enum Kind: Hashable { case key, elements, behindString, pieceOfLiteral }
    var parent: Int
    var kind: Kind
    var name: [UInt8] = []
  }

  init(nodes: UnsafeMutablePointer<JSONNode>) {
    self.nodes = nodes
    steps = .allocate(capacity: Self.stepCountMax)
  }

  deinit { steps.deallocate() }

  /// Places that have been named.
  var placeCount: Int { places.count }

  // MARK: - Whether it pays

  /// Whether the next batch is to be read along the steps, or to be learned from.
  var isActive: Bool { restCount == 0 }

  /// Notes how a batch went. Where less than half of the records follow the steps, these are forgotten and for a while none are learned: a
  /// stream whose shape has changed once is learned anew, one that has no shape costs little.
  func note(recordCount: Int, followedCount: Int) {
    guard isActive else {
      restCount = max(0, restCount - recordCount)
      return
    }
    self.recordCount += recordCount
    self.followedCount += followedCount
    guard self.recordCount >= Self.reviewRecordCount else { return }
    if self.followedCount * 2 < self.recordCount {
      forget()
      restCount = nextRestCount
      nextRestCount = min(nextRestCount * 2, 4096 * Self.reviewRecordCount)
    } else {
      nextRestCount = Self.reviewRecordCount
      learnCount = min(learnCount + Self.learnCountPerReview, Self.learnCountMax)
      reviewCount += 1
      for index in 0..<stepCount { steps[index].review() }
      // What was unsteady may have become steady.
      if reviewCount % 64 == 0 { for index in 0..<stepCount { steps[index].isSteady = true } }
    }
    self.recordCount = 0
    self.followedCount = 0
  }

  private func forget() {
    stepCount = 0
    heads.removeAll()
    places.removeAll()
    learnCount = Self.learnCountMax
  }

  // MARK: - Learning

  /// Adds the steps of a valid record, if there is room for them and it is not unusual.
  func learn(_ record: UnsafeBufferPointer<UInt8>) {
    guard learnCount > 0, places.count < Self.placeCountMax else { return }
    learnCount -= 1
    var walk = JSONRecordWalk(record, skeleton: self)
    guard walk.run(), stepCount + 2 * walk.tokens.count <= Self.stepCountMax else { return }
    var place = 0
    // Whether what is added now follows the step that was met or added last.
    var isOpen = false
    for token in walk.tokens {
      if let head = heads[place] {
        if isOpen { add(JSONStep(jumpTo: head)) }
        let (last, isKnown, count) = find(token.step, from: head)
        isOpen = !isKnown
        if isOpen {
          guard count < Self.alternativeCountMax else { return }
          steps[last].alternative = Int32(stepCount)
          add(token.step)
        }
      } else {
        heads[place] = stepCount
        add(token.step)
        isOpen = true
      }
      place = token.place
    }
  }

  private func add(_ step: JSONStep) {
    (steps + stepCount).initialize(to: step)
    stepCount += 1
  }

  /// The step among the alternatives from `head` that is the same, or the last of them; and how many came up to it.
  private func find(_ step: JSONStep, from head: Int) -> (index: Int, isKnown: Bool, count: Int) {
    var index = head
    var count = 1
    while !steps[index].isSame(as: step) {
      guard steps[index].alternative != 0 else { return (index, false, count) }
      index = Int(steps[index].alternative)
      count += 1
    }
    return (index, true, count)
  }

  // MARK: - For a record's walk

  /// The number of a place; 0 stands for the beginning of a record.
  func number(of place: Place) -> Int {
    if let number = places[place] { return number }
    places[place] = places.count + 1
    return places.count
  }

  /// The bit of a wanted object, nil where there are none left.
  func bit(of node: Int32) -> UInt64? {
    if let bit = bits[node] { return bit }
    guard bits.count < 64 else { return nil }
    bits[node] = 1 << UInt64(bits.count)
    return bits[node]
  }

  /// The column and the wanted object under a key of wanted object `node`, each -1 where there is none.
  func wanted(_ key: [UInt8], in node: Int32) -> (column: Int32, child: Int32) {
    let node = nodes[Int(node)]
    let index = key.withUnsafeBufferPointer { key in
      // The buffer of an empty key may have no address.
      key.baseAddress.map { node.find($0, key.count) } ?? node.find(UnsafePointer(node.learnedBytes), 0)
    }
    return index == 0 ? (-1, -1) : (node.keys[index].column, node.keys[index].child)
  }
}
