// Shipped files with lines and characters deleted, doubled, swapped and replaced: whatever comes of it, reading ends with findings.

import Configuration
import Foundation
import Testing

@testable import Schema

/// SplitMix64 (Steele, Lea, Flood, 2014): the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}

/// A text with one to four random changes.
func mutated(_ text: String, using generator: inout SeededGenerator) -> String {
  var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  for _ in 0..<Int.random(in: 1...4, using: &generator) {
    let line = Int.random(in: lines.indices, using: &generator)
    switch Int.random(in: 0..<8, using: &generator) {
    case 0: if lines.count > 1 { lines.remove(at: line) }
    case 1: lines.insert(lines[line], at: line)
    case 2: lines.swapAt(line, Int.random(in: lines.indices, using: &generator))
    case 3: lines[line] = "  " + lines[line]
    default:
      var characters = Array(lines[line])
      guard !characters.isEmpty else { continue }
      let index = Int.random(in: characters.indices, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: characters.remove(at: index)
      case 1: characters.insert(characters[index], at: index)
      case 2: characters.swapAt(index, Int.random(in: characters.indices, using: &generator))
      default: characters[index] = "{}[]:,-'\"&*#|>%@!?0a \t.$\u{0}é".randomElement(using: &generator)!
      }
      lines[line] = String(characters)
    }
  }
  return lines.joined(separator: "\n")
}

@Suite struct SchemaFuzzTests {
  @Test(arguments: [
    ("Schemas/clickstream.yaml", 400), ("Schemas/page_views.yaml", 400), ("Tests/SchemaTests/Schemas/everything.yaml", 1500),
    ("Tests/SchemaTests/Schemas/one_stream.yaml", 1500),
  ])
  func `no mutation of a schema stops the reader, and every finding has a place`(_ path: String, _ rounds: Int) throws {
    let text = try String(contentsOfFile: "\(packageDirectory)/\(path)", encoding: .utf8)
    let directory = (path as NSString).deletingLastPathComponent
    let seed: UInt64 = 20_260_101
    var generator = SeededGenerator(state: seed)
    for round in 0..<rounds {
      let mutation = mutated(text, using: &generator)
      let diagnostics = Diagnostics(file: path)
      let schema = SchemaReader.read(text: mutation, directory: "\(packageDirectory)/\(directory)", diagnostics: diagnostics)
      #expect((schema == nil) == diagnostics.hasErrors, "seed \(seed), round \(round)")
      // What stands for a generator that could not be read never gets out.
      schema?.events.flatMap(\.fields).forEach { field in
        field.generator.visit { generator in
          if case .choice(let values, _) = generator { #expect(!values.isEmpty, "seed \(seed), round \(round): \(field.name)") }
        }
      }
      let lineCount = mutation.split(separator: "\n", omittingEmptySubsequences: false).count
      for finding in diagnostics.all {
        let isPlaced =
          (1...lineCount + 1).contains(finding.location.line) && finding.location.column >= 1 && !finding.message.isEmpty
        #expect(isPlaced, "seed \(seed), round \(round): \(finding)")
      }
    }
  }

  @Test func `no random pattern stops its parser`() {
    let alphabet = Array("ab19.\\dws[]^-$(){}|?*+,:=!< é")
    var generator = SeededGenerator(state: 7)
    var soundCount = 0
    for _ in 0..<10_000 {
      let length = Int.random(in: 0...14, using: &generator)
      let text = String((0..<length).map { _ in alphabet.randomElement(using: &generator)! })
      do {
        let pieces = try PatternParser.pieces(of: text)
        soundCount += 1
        #expect(GeneratedSize.characters(of: pieces) <= PatternParser.outputMax)
      } catch {
        #expect((1...length + 1).contains(error.character), "'\(text)': \(error)")
      }
    }
    #expect(soundCount > 500)
  }
}
