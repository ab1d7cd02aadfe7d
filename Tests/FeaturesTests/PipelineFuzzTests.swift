// The shipped pipeline, and one full of expressions, with lines and characters deleted, doubled, swapped and replaced: whatever comes of it, reading ends with findings.

import Configuration
import Foundation
import Testing

@testable import Features

@Suite struct PipelineFuzzTests {
  @Test(arguments: [true, false]) func `no mutation of a pipeline stops the reader`(isShipped: Bool) throws {
    let text =
      isShipped
      ? try String(contentsOfFile: "\(packageDirectory)/Pipelines/shop_features.yaml", encoding: .utf8) : computedPipeline
    let seed: UInt64 = 20_260_102
    var generator = SplitMix(state: seed)
    for round in 0..<400 {
      let diagnostics = Diagnostics(file: "p")
      let pipeline = PipelineReader.read(
        text: mutated(text, using: &generator), directory: "\(packageDirectory)/\(isShipped ? "Pipelines" : "Schemas")",
        diagnostics: diagnostics)
      #expect((pipeline == nil) == diagnostics.hasErrors, "seed \(seed), round \(round)")
    }
  }

  /// SplitMix64 (Steele, Lea, Flood, 2014).
  private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var word = state
      word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
      word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
      return word ^ (word >> 31)
    }
  }

  /// A text with one to four lines or characters removed, doubled, swapped or replaced.
  private func mutated(_ text: String, using generator: inout SplitMix) -> String {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let line = Int.random(in: lines.indices, using: &generator)
      var characters = Array(lines[line])
      switch Int.random(in: 0..<7, using: &generator) {
      case 0: if lines.count > 1 { lines.remove(at: line) }
      case 1: lines.insert(lines[line], at: line)
      case 2: lines.swapAt(line, Int.random(in: lines.indices, using: &generator))
      default:
        guard !characters.isEmpty else { continue }
        let index = Int.random(in: characters.indices, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: characters.remove(at: index)
        case 1: characters.swapAt(index, Int.random(in: characters.indices, using: &generator))
        default: characters[index] = "{}[]:,-'\"&*#|>%@!?0a \t.$=é".randomElement(using: &generator)!
        }
        lines[line] = String(characters)
      }
    }
    return lines.joined(separator: "\n")
  }
}
