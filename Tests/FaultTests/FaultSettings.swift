// What `make test-faults` is told by the environment. Without FRESHET_FAULTS nothing of this target runs: it takes minutes.

import Foundation
import TestSupport
import Testing

/// All suites of this target: one test at a time, because each wants the whole machine.
@Suite(.serialized, .enabled(if: FaultSettings.isOn, "make test-faults runs it"))
enum Faults {}

enum FaultSettings {
  private static let environment = ProcessInfo.processInfo.environment

  static let isOn = environment["FRESHET_FAULTS"] != nil
  private static let isDeep = environment["FRESHET_DEEP"] != nil

  /// Of the random run. The seed draws the faults; the events are those of the same seed.
  static let seed = number("SEED") ?? 1
  static let rounds = number("ROUNDS") ?? (isDeep ? 100 : 8)
  static let eventCount = number("EVENTS") ?? (isDeep ? 5_000_000 : 160_000)

  /// The program under test: the one that was built beside the tests, or a release build that FRESHET_FAULT_PROGRAM names.
  static let program: String = {
    guard let path = environment["FRESHET_FAULT_PROGRAM"] else { return Products.executable("freshet") }
    return path.hasPrefix("/") ? path : "\(Products.packageFolder)/\(path)"
  }()

  /// The faults that a random run draws from, by name; nil for all.
  static let faultNames = environment["FRESHET_FAULT_KINDS"].map { Set($0.split(separator: ",").map(String.init)) }
  /// Properties of librdkafka for all members, such as `debug=cgrp`.
  static let properties = environment["FRESHET_FAULT_PROPERTIES"].map { $0.split(separator: " ").map(String.init) } ?? []

  /// How long anything may take before a test gives up, in s: far longer than it should on a busy machine.
  static let patience = 180.0

  private static func number(_ name: String) -> Int? {
    environment["FRESHET_FAULT_\(name)"].map { text in
      guard let number = Int(text), number > 0 else {
        preconditionFailure("FRESHET_FAULT_\(name): expected a number above 0, found '\(text)'")
      }
      return number
    }
  }
}
