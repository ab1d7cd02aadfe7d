// What a HyperLogLog counts: entries by linear counting, registers by the improved raw estimator of Ertl ("New cardinality estimation algorithms
// for HyperLogLog sketches", 2017, algorithm 6), which is unbiased from the first value to the last.

extension HyperLogLog {
  func estimate(_ state: UnsafeRawPointer, _ pool: BlockPool) -> Int64 {
    switch state.load(fromByteOffset: Self.formOffset, as: UInt8.self) {
    case Form.inPlace:
      return (state.load(as: UInt32.self) == 0 ? 0 : 1) + (state.load(fromByteOffset: 4, as: UInt32.self) == 0 ? 0 : 1)
    case Form.sparse:
      // Linear counting on 2^26 cells: -M ln(1 - n / M), of which the third term is below a thousandth.
      let count = Double(count(state))
      return Int64((count + count * count / 0x1p27).rounded())
    default: return Int64(denseEstimate(pool.start(block(state)).assumingMemoryBound(to: UInt8.self)).rounded())
    }
  }

  /// The estimate over several states together, where they hold so few values that it is their number; nil where they hold more than
  /// `fewMax` entries, equal ones counted as often as they come. Nothing is merged.
  @inline(__always)
  func estimateOfFew(
    _ nodes: UnsafePointer<UnsafeRawPointer>, _ nodeCount: Int, at offset: Int, _ pool: BlockPool,
    _ seen: UnsafeMutablePointer<UInt32>
  ) -> Int64? {
    guard nodeCount <= Self.fewMax / 2, registerCount >= 512 else { return nil }
    var count = 0
    // A bit for each of 64 parts of the indices in which an entry has been seen: in a new part an entry is new without a search.
    var parts: UInt64 = 0
    for index in 0..<nodeCount {
      let state = nodes[index] + offset
      var entries = state
      var entryCount = 2
      switch state.load(fromByteOffset: Self.formOffset, as: UInt8.self) {
      case Form.inPlace: break
      case Form.sparse:
        entryCount = self.count(state)
        guard entryCount <= Self.linearCount else { return nil }
        entries = UnsafeRawPointer(pool.start(block(state)))
      default: return nil
      }
      guard count &+ entryCount <= Self.fewMax else { return nil }
      for place in 0..<entryCount {
        let entry = entries.load(fromByteOffset: 4 &* place, as: UInt32.self)
        guard entry != 0 else { continue }
        let part: UInt64 = 1 &<< UInt64(entry &>> 26)
        seen[count] = entry
        if parts & part == 0 || isNew(entry, among: seen, count) { count &+= 1 }
        parts |= part
      }
    }
    return Int64(count)
  }

  /// Whether no entry has the same index: is equal above the six bits of the rank.
  @inline(never)
  private func isNew(_ entry: UInt32, among seen: UnsafeMutablePointer<UInt32>, _ count: Int) -> Bool {
    for other in 0..<count where (seen[other] ^ entry) < 64 { return false }
    return true
  }

  /// Ertl, algorithm 6.
  private func denseEstimate(_ registers: UnsafePointer<UInt8>) -> Double {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 4 * 64) { histograms in
      // Four histograms, so that equal registers in a row do not wait for one another.
      histograms.initialize(repeating: 0)
      for index in stride(from: 0, to: registerCount, by: 4) {
        histograms[Int(registers[index])] &+= 1
        histograms[64 + Int(registers[index + 1])] &+= 1
        histograms[128 + Int(registers[index + 2])] &+= 1
        histograms[192 + Int(registers[index + 3])] &+= 1
      }
      func multiplicity(_ rank: Int) -> Double {
        Double(histograms[rank] + histograms[64 + rank] + histograms[128 + rank] + histograms[192 + rank])
      }
      let m = Double(registerCount)
      let rankMax = 64 - precision + 1
      var z = m * Self.tau(1 - multiplicity(rankMax) / m)
      for rank in stride(from: rankMax - 1, through: 1, by: -1) { z = 0.5 * (z + multiplicity(rank)) }
      z += m * Self.sigma(multiplicity(0) / m)
      return m * m / (2 * 0.693_147_180_559_945_3 * z)
    }
  }

  private static func sigma(_ start: Double) -> Double {
    guard start < 1 else { return .infinity }
    var (x, y, z) = (start, 1.0, start)
    while true {
      x *= x
      let before = z
      z += x * y
      y += y
      if z == before { return z }
    }
  }

  private static func tau(_ start: Double) -> Double {
    guard start > 0, start < 1 else { return 0 }
    var (x, y, z) = (start, 1.0, 1 - start)
    while true {
      x = x.squareRoot()
      let before = z
      y *= 0.5
      z -= (1 - x) * (1 - x) * y
      if z == before { return z / 3 }
    }
  }
}
