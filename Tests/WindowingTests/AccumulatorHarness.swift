// Accumulators without an engine: states in raw memory over one live pool, folded with Swift values, merged in any tree, read as Swift values.

import Base
import Foundation
import Records

@testable import Windowing

/// Many more seeds where there is time for them.
let isDeep = ProcessInfo.processInfo.environment["FRESHET_DEEP"] == "1"
func seeds(_ usual: UInt64, deep: UInt64) -> Range<UInt64> { 0..<(isDeep ? deep : usual) }

/// One value on its way into an accumulator.
enum FoldedValue: Hashable, Sendable {
  case missing
  case null
  case bool(Bool)
  case integer(Int64)
  case double(Double)
  case text(String)
  /// An object or an array, as JSON text.
  case composite(String)
}

/// States of one accumulator in one pool.
final class AccumulatorBench {
  let accumulator: Accumulator
  let pool = BlockPool()
  var counts = FoldCounts()
  private var states: [UnsafeMutableRawPointer] = []
  private let scratch = AccumulatorScratch()

  init(_ function: AggregateFunction, _ adjust: (inout AggregateParameters) -> Void = { _ in }) {
    var parameters = AggregateParameters(of: function)
    adjust(&parameters)
    accumulator = Accumulator(function, parameters)
  }

  deinit {
    for state in states { state.deallocate() }
    pool.deallocate()
  }

  func make() -> UnsafeMutableRawPointer {
    let state = UnsafeMutableRawPointer.allocate(byteCount: accumulator.byteCount, alignment: 8)
    state.initializeMemory(as: UInt8.self, repeating: 0, count: accumulator.byteCount)
    states.append(state)
    return state
  }

  /// A new state with these values; `time` by position where it is not given.
  func state(_ values: [FoldedValue], times: [Int64]? = nil) -> UnsafeMutableRawPointer {
    let state = make()
    for (index, value) in values.enumerated() { fold(state, value, time: times?[index] ?? Int64(index)) }
    return state
  }

  @discardableResult
  func fold(_ state: UnsafeMutableRawPointer, _ value: FoldedValue, time: Int64 = 0) -> Bool {
    func fold(_ column: ColumnValue) -> Bool {
      accumulator.fold(at: state, column, hasColumn: true, time: time, pool: pool, counts: &counts)
    }
    func fold(_ kind: ValueKind, _ text: String) -> Bool {
      var text = text
      return text.withUTF8 {
        fold(ColumnValue(kind: kind, bits: UInt64(UInt(bitPattern: $0.baseAddress)), byteCount: UInt32($0.count)))
      }
    }
    switch value {
    case .missing: return fold(ColumnValue(kind: .missing))
    case .null: return fold(.null)
    case .bool(let bool): return fold(ColumnValue(bool: bool))
    case .integer(let integer): return fold(ColumnValue(integer: integer))
    case .double(let double): return fold(ColumnValue(double: double))
    case .text(let text): return fold(.string, text)
    case .composite(let text): return fold(.composite, text)
    }
  }

  /// The value of one state, or of several as they would be read together.
  func value(_ states: UnsafeMutableRawPointer...) -> FoldedValue { value(of: states) }

  func value(of states: [UnsafeMutableRawPointer], as reading: Accumulator? = nil) -> FoldedValue {
    let nodes = RowGathering()
    for state in states { nodes.append(state) }
    let bytes = ByteBuffer()
    let value = scratch.value(
      of: accumulator, at: 0, in: nodes.nodes, states.count, isNewestFirst: true, reading: reading ?? accumulator, pool,
      bytes: bytes,
      counts: &counts)
    let text = String(
      decoding: UnsafeBufferPointer(
        start: bytes.base + Int(value.kind.rawValue >= 5 ? value.bits : 0), count: Int(value.byteCount)),
      as: UTF8.self)
    switch value.kind {
    case .missing: return .missing
    case .null: return .null
    case .bool: return .bool(value.bits != 0)
    case .integer: return .integer(Int64(bitPattern: value.bits))
    case .double: return .double(Double(bitPattern: value.bits))
    case .string: return .text(text)
    case .composite: return .composite(text)
    }
  }

  /// The kind and the bits of the value over several states, read in registers where that is possible, and merged.
  func bits(of states: [UnsafeMutableRawPointer], isNewestFirst: Bool) -> (quick: [UInt64]?, merged: [UInt64]) {
    let nodes = RowGathering()
    for state in states { nodes.append(state) }
    let quick = withUnsafePointer(to: accumulator) {
      scratch.quickValue(of: $0, at: 0, in: nodes.nodes, states.count, isNewestFirst: isNewestFirst, pool)
    }
    let merged = scratch.value(
      of: accumulator, at: 0, in: nodes.nodes, states.count, isNewestFirst: isNewestFirst, reading: accumulator, pool,
      bytes: ByteBuffer(), counts: &counts)
    return (quick.map { [UInt64($0.kind.rawValue), $0.bits] }, [UInt64(merged.kind.rawValue), merged.bits])
  }

  func absorb(_ state: UnsafeMutableRawPointer, _ other: UnsafeMutableRawPointer) {
    accumulator.absorb(into: state, from: other, pool: pool, counts: &counts)
  }

  func release(_ state: UnsafeMutableRawPointer) {
    accumulator.release(at: state, pool: pool)
    state.initializeMemory(as: UInt8.self, repeating: 0, count: accumulator.byteCount)
  }

  /// Splits values over `parts` states, absorbs those into one in a random tree, and returns it.
  func tree(_ values: [FoldedValue], times: [Int64]? = nil, parts: Int, using random: inout TestRandom) -> UnsafeMutableRawPointer {
    var states = (0..<parts).map { _ in make() }
    for (index, value) in values.enumerated() {
      fold(states[Int.random(in: 0..<parts, using: &random)], value, time: times?[index] ?? Int64(index))
    }
    while states.count > 1 {
      let other = states.remove(at: Int.random(in: 0..<states.count, using: &random))
      absorb(states.randomElement(using: &random)!, other)
    }
    return states[0]
  }
}

extension BlockPool {
  /// Bytes in blocks that are not free.
  var liveByteCount: Int { byteCount - freeByteCount }
}
