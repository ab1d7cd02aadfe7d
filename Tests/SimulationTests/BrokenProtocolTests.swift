// Protocols with one step left out or changed: each must be found out by some history, or the histories prove nothing.

import Base
import Foundation
import RedisStore
import Testing

/// Texts of scripts, and what a broken protocol has in their place.
struct Breakage: Sendable, CustomTestStringConvertible {
  var name: String
  var changes: [(script: String, old: String, new: String)]
  /// Histories among which one must find it, by what a reader of the rows sees.
  var seedCount: UInt64 = ProcessInfo.processInfo.environment["FRESHET_DEEP"] == "1" ? 4000 : 400
  /// With what the violation begins where the protocol is watched, too; nil where nothing but the rows shows it.
  var invariant: String?
  var needsIdleTime = false

  var testDescription: String { name }

  func quirk(watchesProtocol: Bool) -> Quirk {
    let changes = changes
    return Quirk(
      rewrite: { source in
        changes.reduce(source) { $1.script == source ? $0.replacingOccurrences(of: $1.old, with: $1.new) : $0 }
      }, watchesProtocol: watchesProtocol, needsIdleTime: needsIdleTime)
  }

  static let all = [
    Breakage(
      name: "the fence is not looked at",
      changes: [
        (FenceScripts.write, "if f[1] ~= ARGV[1] and tonumber(f[1]) > tonumber(ARGV[1]) then", "if false then"),
        (FenceScripts.write, "if f[1] ~= ARGV[1] or step < tonumber(ARGV[2]) then", "if false then"),
      ], invariant: "fence: "),
    Breakage(
      name: "a claim leaves the generation as it is",
      changes: [
        (
          FenceScripts.claim, "local generation = string.format('%.0f', math.max(tonumber(f[1] or '0') + 1, tonumber(ARGV[3])))",
          "local generation = f[1] or '1'"
        )
      ], invariant: "fence: "),
    Breakage(
      name: "a new connection leaves the generation as it is",
      changes: [
        (FenceScripts.reclaim, "redis.call('HSET', KEYS[1], 'generation', next)", ""),
        (FenceScripts.reclaim, "return {'claimed', next, step}", "return {'claimed', f[1], step}"),
      ], invariant: "fence: "),
    Breakage(
      name: "next_offset is written with the first rows",
      changes: [
        (
          FenceScripts.write, "redis.call('HSET', KEYS[1], 'flushing_to', reach, 'idle', ARGV[4])",
          "redis.call('HSET', KEYS[1], 'flushing_to', reach, 'idle', ARGV[4], 'next_offset', reach)"
        )
      ]),
    Breakage(
      name: "a claim does not say how idle time moved event time", changes: [(FenceScripts.claim, "f[7] or ''", "''")],
      needsIdleTime: true),
    Breakage(
      name: "a claim does not say how far rows have come", changes: [(FenceScripts.claim, "f[5] or ''", "f[4] or ''")]),
    Breakage(
      name: "a restored Redis is not told from the one before",
      changes: [
        (FenceScripts.write, "if f[1] ~= ARGV[1] or step < tonumber(ARGV[2]) then", "if false then"),
        (
          FenceScripts.reclaim,
          "if generation < tonumber(ARGV[2]) or (f[2] == ARGV[1] and tonumber(step) < tonumber(ARGV[3])) then",
          "if false then"
        ),
      ]),
  ]
}

@Suite(.serialized) struct `Broken protocols` {
  @Test(arguments: Breakage.all) func `are found out by what readers see`(breakage: Breakage) throws {
    for change in breakage.changes { #expect(change.script.contains(change.old), "the scripts no longer hold '\(change.old)'") }
    let failures = try runHistories(0..<breakage.seedCount, quirk: breakage.quirk(watchesProtocol: false), failuresMax: 1)
    guard let failure = failures.first else {
      Issue.record("\(breakage.name): none of \(breakage.seedCount) histories finds it")
      return
    }
    print("\(breakage.name): seed \(failure.seed): \(failure.violation)")
    #expect(["row: ", "result: "].contains { failure.violation.hasPrefix($0) }, "seed \(failure.seed): \(failure.violation)")
  }

  @Test(arguments: Breakage.all.filter { $0.invariant != nil }) func `are found out by who writes`(breakage: Breakage) throws {
    let failures = try runHistories(0..<50, quirk: breakage.quirk(watchesProtocol: true), failuresMax: 50)
    #expect(failures.contains { $0.violation.hasPrefix(breakage.invariant!) }, "\(breakage.name): \(failures.map(\.violation))")
  }
}
