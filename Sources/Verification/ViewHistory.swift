// What a view's records are, key by key, from the clean stream; with each record how often it can have counted, as the labels of its faults
// tell. Values of any window are added up from here, the slow way: by going through the records.

import Base
import Features
import Generation
import Records
import Schema
import Windowing

/// A feature of which the expected value can be told.
struct ComparedFeature {
  /// Place among the view's features.
  var index: Int
  var name: String
  var function: AggregateFunction
  var field: FieldPath?
  var predicate: Expression?
  var shape: WindowShape
  /// What stands for an empty window.
  var defaultValue: Scalar?

  static let functions: [AggregateFunction] = [.count, .sum, .mean, .min, .max]
}

/// One record of a key, as one view sees it.
struct HistoryEntry {
  /// A value that a feature folds.
  struct Hit {
    /// Place among the compared features.
    var feature: Int
    var value: Double
    /// Where it is a whole number.
    var integer: Int64?
    /// Whether it does in the clean stream.
    var isClean: Bool
    /// Whether it does for certain, if the record counts.
    var isCertain: Bool
  }

  var time: Int64
  /// Whether the clean stream has it here.
  var isClean: Bool
  /// How often it counts at least, apart from delays, and at most.
  var least: Int
  var most: Int
  /// How long after its time it came, in ms; `Int64.max` where that cannot be told.
  var delay: Int64
  var hits: [Hit]
}

/// A view's records by key.
struct ViewHistory {
  let name: String
  let trigger: Trigger
  let keyPath: FieldPath?
  let predicate: Expression?
  let features: [ComparedFeature]
  /// Features whose values are not told here, with what they are.
  let notCompared: [String]
  let latenessMilliseconds: Int64
  /// Rising by time once the stream has been read.
  var keys: [String: [HistoryEntry]] = [:]
  /// A fault may have given records another key.
  var hasForeignKeys = false
  var keylessCount = 0

  /// Why nothing of the view can be told; nil where its records can, by fields of the schema, and the value of some feature.
  let obstacle: String?

  var isCompared: Bool { obstacle == nil }

  /// - Parameter knownPaths: The fields of the stream's schema; what reads others, such as a record's headers, is not compared.
  init(_ view: FeatureView, of pipeline: PipelineDefinition, knownPaths: Set<String>) {
    name = view.name
    trigger = view.trigger
    keyPath = view.entity.map { pipeline.entities[$0].keyPath }
    predicate = view.predicate
    latenessMilliseconds = pipeline.sources[view.source].latenessMilliseconds
    var compared: [ComparedFeature] = []
    var others: [String] = []
    func unknown(_ paths: [FieldPath]) -> FieldPath? { paths.first { !knownPaths.contains($0.description) } }
    let unknownKey = unknown([keyPath].compactMap { $0 })
    let unknownCondition = unknown(view.predicate?.fieldPaths ?? [])
    for (index, feature) in view.features.enumerated() {
      let unknownField = unknown([feature.field].compactMap { $0 } + (feature.predicate?.fieldPaths ?? []))
      let shape = WindowShape(feature.window)
      if feature.derivation == nil, unknownKey == nil, unknownCondition == nil, unknownField == nil, let shape,
        ComparedFeature.functions.contains(feature.function)
      {
        compared.append(
          ComparedFeature(
            index: index, name: feature.name, function: feature.function, field: feature.field, predicate: feature.predicate,
            shape: shape, defaultValue: feature.defaultValue))
      } else {
        let what = feature.derivation == nil ? feature.function.rawValue : "expr"
        let why = shape == nil ? " of a session" : unknownField.map { ", which reads '\($0)'" } ?? ""
        others.append("\(feature.name) (\(what)\(feature.derivation == nil ? why : ""))")
      }
    }
    features = compared
    notCompared = others
    obstacle =
      if let unknownKey {
        "its key '\(unknownKey)' is no field of the truth's schema"
      } else if let unknownCondition {
        "its 'where' reads '\(unknownCondition)', no field of the truth's schema"
      } else {
        compared.isEmpty ? "none of its features can be" : nil
      }
  }

  mutating func sort() {
    for key in keys.keys { keys[key]!.sort { $0.time < $1.time } }
  }

  /// The records of a key with times from `start` to before `end`.
  func entries(_ key: String, from start: Int64, before end: Int64) -> ArraySlice<HistoryEntry> {
    guard let entries = keys[key] else { return [] }
    func first(notBefore time: Int64) -> Int {
      var (low, high) = (0, entries.count)
      while low < high {
        let middle = (low + high) / 2
        if entries[middle].time < time { low = middle + 1 } else { high = middle }
      }
      return low
    }
    return entries[first(notBefore: start)..<max(first(notBefore: start), first(notBefore: end))]
  }
}

/// What a feature's value can be.
struct FeatureBounds {
  var count: Int64 = 0
  var countLeast: Int64 = 0
  var countMost: Int64 = 0
  var sum = ExactSum()
  var sumLeast = 0.0
  var sumMost = 0.0
  /// The sum of the magnitudes: what rounding errors are a part of.
  var magnitude = 0.0
  var least: Double?
  var most: Double?

  /// Whether no fault can have changed it.
  var isExact: Bool { count == countLeast && count == countMost }

  /// - Parameter surelyTakes: whether a record with this delay counts for certain.
  init(_ entries: ArraySlice<HistoryEntry>, feature: Int, surelyTakes: (Int64) -> Bool) {
    for entry in entries {
      let certain = surelyTakes(entry.delay) ? entry.least : 0
      for hit in entry.hits where hit.feature == feature {
        let leastTimes = hit.isCertain ? certain : 0
        countLeast += Int64(leastTimes)
        countMost += Int64(entry.most)
        let ends = [hit.value * Double(leastTimes), hit.value * Double(entry.most)]
        sumLeast += ends.min()!
        sumMost += ends.max()!
        magnitude += abs(hit.value) * Double(max(1, entry.most))
        guard entry.isClean, hit.isClean else { continue }
        count += 1
        sum.add(hit.value, integer: hit.integer)
        least = min(least ?? hit.value, hit.value)
        most = max(most ?? hit.value, hit.value)
      }
    }
  }

  /// The bounds of how many records there are, whatever the features take of them.
  init(records entries: ArraySlice<HistoryEntry>, surelyTakes: (Int64) -> Bool) {
    for entry in entries {
      countLeast += Int64(surelyTakes(entry.delay) ? entry.least : 0)
      countMost += Int64(entry.most)
      if entry.isClean { count += 1 }
    }
  }
}
