// Memory for what a plan points at: texts with padding behind them, tables, samplers. It is filled while the plan is compiled, never
// moves, is never written afterwards, and is freed with the plan.

import Base

final class PlanMemory {
  private var blocks: [UnsafeMutableRawPointer] = []
  private var samplers: [ZipfSampler] = []
  private var addresses: [ZipfKey: UInt64] = [:]
  /// Bytes allocated.
  private(set) var byteCount = 0

  deinit { for block in blocks { block.deallocate() } }

  /// Zeroed bytes, aligned to 64.
  func allocate(byteCount size: Int) -> UnsafeMutableRawPointer {
    let block = UnsafeMutableRawPointer.allocate(byteCount: max(size, 1), alignment: 64)
    block.initializeMemory(as: UInt8.self, repeating: 0, count: max(size, 1))
    blocks.append(block)
    byteCount += size
    return block
  }

  /// A copy that may be read in 32-byte steps from its start to past its end.
  func text(_ bytes: [UInt8]) -> UnsafePointer<UInt8> {
    let block = allocate(byteCount: bytes.count / 32 * 32 + 64)
    bytes.withUnsafeBytes { if let start = $0.baseAddress { block.copyMemory(from: start, byteCount: $0.count) } }
    return UnsafePointer(block.assumingMemoryBound(to: UInt8.self))
  }

  func array<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafePointer<Element> {
    let block = allocate(byteCount: elements.count * MemoryLayout<Element>.stride).bindMemory(
      to: Element.self, capacity: max(elements.count, 1))
    for (index, element) in elements.enumerated() { (block + index).initialize(to: element) }
    return UnsafePointer(block)
  }

  /// The address of a sampler that lives as long as this memory; one per distinct (count, exponent).
  func zipf(count: Int, exponent: Double) -> UInt64 {
    let key = ZipfKey(count: count, exponent: exponent)
    if let known = addresses[key] { return known }
    let sampler = ZipfSampler(count: count, exponent: exponent)
    samplers.append(sampler)
    byteCount += sampler.byteCount
    let address = UInt64(UInt(bitPattern: Unmanaged.passUnretained(sampler).toOpaque()))
    addresses[key] = address
    return address
  }

  private struct ZipfKey: Hashable {
    var count: Int
    var exponent: Double
  }
}
