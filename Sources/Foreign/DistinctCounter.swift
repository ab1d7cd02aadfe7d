// How many different texts a sample holds, from the smallest hashes met (k minimum values; Bar-Yossef et al., 2002): exact up to 256 of them, then
// within about 6 %. Counters of several streams can be merged.

struct DistinctCounter {
  static let hashCount = 256

  /// Rising.
  private var smallest: [UInt64] = []

  mutating func add(_ text: String) { add(hash: Self.hash(text)) }

  mutating func merge(_ other: DistinctCounter) { for hash in other.smallest { add(hash: hash) } }

  private mutating func add(hash: UInt64) {
    if smallest.count == Self.hashCount, hash >= smallest[smallest.count - 1] { return }
    var low = 0
    var high = smallest.count
    while low < high {
      let middle = (low + high) / 2
      if smallest[middle] < hash { low = middle + 1 } else { high = middle }
    }
    if low < smallest.count, smallest[low] == hash { return }
    smallest.insert(hash, at: low)
    if smallest.count > Self.hashCount { smallest.removeLast() }
  }

  var estimate: Int {
    guard smallest.count == Self.hashCount, let last = smallest.last else { return smallest.count }
    return Int(Double(Self.hashCount - 1) / (Double(last) / 18_446_744_073_709_551_616))
  }

  /// FNV-1a with the finaliser of SplitMix64.
  private static func hash(_ text: String) -> UInt64 {
    var word: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { word = (word ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}
