// A pipeline explained, as lines for a person.

import Base
import Configuration
import Features
import Foundation
import Processing
import Schema
import Windowing

extension PipelineExplanation {
  var text: String {
    var lines = [
      "\(pipeline.name): figures for \(Quantities.rate(ratePerSecond)) over \(Quantities.count(keyCount)) keys, met evenly, every record taken by every "
        + "where (--rate, --keys)"
    ]
    for source in sources {
      lines.append("")
      lines += describe(source)
      for view in source.plan.views where isShown(view) {
        lines.append("")
        lines += describe(view, source)
      }
      lines.append("")
      lines += describeState(source)
    }
    return lines.joined(separator: "\n")
  }

  private func row(_ label: String, _ text: String) -> String {
    label + String(repeating: " ", count: max(28 - label.count, 2)) + text
  }

  private func duration(_ milliseconds: Int64) -> String { Units.durationText(milliseconds: milliseconds) }

  // MARK: - Source

  private func describe(_ source: Source) -> [String] {
    let definition = pipeline.sources[source.index]
    var lines = ["source \(definition.name)"]
    if let kafka = definition.kafka { lines.append(row("  reads", "topic \(kafka.topic) as group \(kafka.group)")) }
    let time = definition.eventTime.path.map { "\($0), as \(definition.eventTime.format.rawValue)" } ?? "the record's own timestamp"
    lines.append(row("  event time", time))
    lines.append(row("  decoded fields", source.plan.paths.map(\.description).joined(separator: ", ")))
    lines.append(
      row(
        "  watermark",
        "\(duration(definition.latenessMilliseconds)) behind the greatest event time of a partition" + idle(definition)))
    if definition.kafka != nil {
      switch definition.topicKey {
      case .unknown: lines.append(row("  topic's key", "not said; entities are taken to be it, which the first record shows"))
      case .none: lines.append(row("  topic's key", "none"))
      case .field(let path): lines.append(row("  topic's key", path.description))
      }
    }
    return lines
  }

  private func idle(_ source: SourceDefinition) -> String {
    source.idleTimeoutMilliseconds.map { "; after \(duration($0)) of silence it follows the clock" } ?? ""
  }

  // MARK: - View

  private func describe(_ index: Int, _ source: Source) -> [String] {
    let view = pipeline.views[index]
    let rows = source.forecast.views.first { $0.index == index }?.rowsPerSecond ?? 0
    let cost = cost(of: index)
    var lines = ["view \(view.name)"]
    if let entity = view.entity.map({ pipeline.entities[$0] }) {
      let expiry = entity.timeToLiveMilliseconds.map { "; a row expires \(duration($0)) after it was last written" } ?? ""
      lines.append(row("  entity", "\(entity.name), by \(entity.keyPath)\(expiry)"))
    } else {
      lines.append(row("  entity", "all: one key for everything"))
    }
    lines += repartitioning(of: index, source)
    lines += triggers(index)
    lines.append(row("  late", lateness(index)))
    lines.append(row("  rows", "\(Quantities.rate(rows)) at most, \(cost.key)"))
    let calls = callsPerSecond(index, rows: rows)
    lines.append(
      row(
        "  Redis",
        "\(Quantities.rate(calls)) EVALSHA of up to \(Int(Self.rowsPerCall)) rows, each an HSET"
          + (view.entity.flatMap { pipeline.entities[$0].timeToLiveMilliseconds } == nil ? "" : " and a PEXPIRE") + "; "
          + "\(Quantities.bytes(rows * Double(cost.wireByteCount)))/s sent, about \(cost.wireByteCount) B a row"))
    let stored = view.trigger == .change ? (view.entity == nil ? 1 : keyCount) : storedWindows(view, rows)
    let memory =
      stored.map { ", \(Quantities.bytes($0 * Double(cost.memoryByteCount))) for \(Quantities.count($0.rounded()))" }
      ?? "; the rows of closed windows stay, as their entity has no ttl"
    lines.append(row("  Redis memory", "about \(cost.memoryByteCount) B a row\(memory)"))
    lines.append("  features")
    for (place, feature) in view.features.enumerated() where isShown(index, place) {
      lines.append(row("    \(feature.name)", describe(feature) + where_(feature, view)))
      lines.append(row("", state(index, place, source)))
    }
    return lines
  }

  /// The internal topic that a view's records go through, and what that costs.
  private func repartitioning(of index: Int, _ source: Source) -> [String] {
    guard let repartitioning = repartitioning(of: index) else { return [] }
    let definition = pipeline.sources[source.index]
    let topic = repartitioning.internalTopic(of: definition.kafka?.topic ?? "", in: pipeline)
    let others = repartitioning.views.filter { $0 != index }.map { pipeline.views[$0].name }
    let shared = others.isEmpty ? "" : ", shared with \(others.joined(separator: ", "))"
    let patience = duration(definition.idleTimeoutMilliseconds ?? RepartitionSender.defaultIdleMilliseconds)
    var lines = [
      row("  repartitioned", "through topic \(topic)\(shared), where its topic has several partitions"),
      row(
        "",
        "each record that a view takes is written to Kafka and read again: up to \(Quantities.rate(ratePerSecond)), and "
          + "\(Self.repartitionedByteCount) B more a record"),
      row("", "windows wait for the slowest partition of the source, but not for one that has been silent for \(patience)"),
    ]
    if repartitioning.entity == nil { lines.append(row("", "one key is one partition: one worker does all of it")) }
    return lines
  }

  /// Headers and framing of a record in an internal topic, with a key of typical length and the key of the source's record.
  private static let repartitionedByteCount = 80

  /// How many rows of closed windows there are before the first expire; nil where they never do.
  private func storedWindows(_ view: FeatureView, _ rows: Double) -> Double? {
    view.entity.flatMap { pipeline.entities[$0].timeToLiveMilliseconds }.map { rows * Double($0) / 1000 }
  }

  private func triggers(_ index: Int) -> [String] {
    let view = pipeline.views[index]
    switch view.trigger {
    case .change:
      return [
        row(
          "  trigger", "change: the current value, for keys of which one has changed, every \(duration(view.emitEveryMilliseconds))"
        ),
        row(
          "  freshness",
          "a record shows within \(duration(view.emitEveryMilliseconds)) of being read; what leaves a window does so at its hop\(Self.hasSessions(view) ? " or its session's end" : ""), and the "
            + "watermark's lateness costs nothing"),
      ]
    case .close:
      let delay = closingDelay(index)
      let window = view.aggregates.first?.window ?? .unbounded
      return [
        row("  trigger", "close: one row per key and window, \(Self.text(window))"),
        row(
          "  freshness",
          "a row appears \(duration(delay)) after its window's end at the earliest, and up to 200ms later: "
            + "when a record of the partition has that event time, or it is silent for long" + Self.oldest(window, delay)),
      ]
    }
  }

  /// How old what a row says is when it appears.
  private static func oldest(_ window: WindowSpecification, _ delay: Int64) -> String {
    guard let size = window.size else { return "" }
    return "; a record waits \(Units.durationText(milliseconds: delay)) to \(Units.durationText(milliseconds: delay + size))"
  }

  private static func hasSessions(_ view: FeatureView) -> Bool {
    view.features.contains { if case .session = $0.window { true } else { false } }
  }

  private func lateness(_ index: Int) -> String {
    let view = pipeline.views[index]
    let bound = duration(pipeline.sources[view.source].latenessMilliseconds)
    switch view.trigger {
    case .change where Self.hasSessions(view):
      return "a record that no feature can show any more and whose session the watermark has passed: those \(bound) behind may be"
    case .change: return "a record that no feature can show any more; the watermark plays no part"
    case .close: return "a record all of whose windows the watermark has passed: those \(bound) behind may be, others are not"
    }
  }

  private func describe(_ feature: FeatureDefinition) -> String {
    if let derivation = feature.derivation { return derivation.text }
    var text = feature.function.rawValue
    if let field = feature.field { text += " of \(field)" }
    text += ", \(Self.text(feature.window))"
    if let value = feature.defaultValue { text += ", else \(Self.text(value))" }
    return text
  }

  private func where_(_ feature: FeatureDefinition, _ view: FeatureView) -> String {
    guard feature.derivation == nil else { return "" }
    var paths: [String] = []
    for path in [view.predicate, feature.predicate].compactMap({ $0?.fieldPaths }).joined() where !paths.contains(path.description)
    {
      paths.append(path.description)
    }
    return paths.isEmpty ? ", every record" : ", where \(paths.joined(separator: " and ")) say\(paths.count == 1 ? "s" : "") so"
  }

  private func state(_ view: Int, _ feature: Int, _ source: Source) -> String {
    guard let place = place(view, feature, in: source) else { return "made of other features of the row, no state of its own" }
    let name = "\(pipeline.views[view].name).\(pipeline.views[view].features[feature].name)"
    let others = users(place.shape, in: source).filter { $0 != name }
    let sameState = place.shape.uses.contains { $0 != place.use && $0.state == place.use.state }
    let shared =
      others.isEmpty ? "its own" : "shared with \(others.count <= 4 ? others.joined(separator: ", ") : "\(others.count) others")"
    return "\(place.use.stateByteCount) B \(per(place.shape))\(sameState ? ", one state for both" : ""); panes \(shared)"
  }

  private func per(_ shape: PaneGroupShape) -> String {
    switch shape.cut {
    case .everything: "per key"
    case .panes(let length): "per pane of \(duration(length)), up to \(shape.paneCountMax) panes a key"
    case .sessions: "per session"
    }
  }

  // MARK: - State

  private func describeState(_ source: Source) -> [String] {
    var lines = ["state in a worker's memory"]
    for space in source.forecast.keySpaces where view == nil || space.views.contains(view!) {
      let names = space.views.map { pipeline.views[$0].name }.joined(separator: ", ")
      let entity = pipeline.views[space.views[0]].entity.map { "keys of \(pipeline.entities[$0].name)" } ?? "one key"
      lines.append(row("  \(entity)", "shared by \(names)"))
      lines.append(
        row(
          "    a key",
          "\(space.keyByteCount) B"
            + (space.keyCount > 1
              ? ", of them \(PipelineForecast.longKeyByteCount) B for a text of \(PipelineForecast.typicalKeyByteCount) B" : "")))
      for group in space.groups {
        lines.append(
          row(
            "    \(Self.text(group.shape))",
            "\(group.shape.nodeByteCount + KeySpaceShape.listedNodeByteCount) B a node, up to \(group.shape.paneCountMax) a key, "
              + "\(String(format: "%.2f", group.nodesPerKey)) on average, for \(users(group.shape, in: source).count) features"))
      }
      lines.append(
        row(
          "    together",
          "\(Quantities.bytes(space.byteCount)) in use, up to twice that while arrays grow; texts and sketches come on top"))
    }
    return lines
  }

  private static func text(_ shape: PaneGroupShape) -> String {
    let kind = shape.isClosing ? ", closing" : ""
    switch shape.cut {
    case .everything: return "no window"
    case .panes(let length): return "panes of \(Units.durationText(milliseconds: length))\(kind)"
    case .sessions(let gap): return "sessions, gap \(Units.durationText(milliseconds: gap))\(kind)"
    }
  }

  static func text(_ window: WindowSpecification) -> String { window.text }

  private static func text(_ scalar: Scalar) -> String {
    switch scalar {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let value): "'\(value)'"
    }
  }
}
