// The windows of features: which kind, how long, aligned to what. Lengths have to fit each other, so that windows can be made of panes.
//
//   { tumbling: 10s, offset: 2s }   { sliding: 5m, hop: 10s, offset: 2s }   { cumulate: 1d, step: 1m, offset: 2h }   { session: 30m }   none

import Base
import Configuration
import Windowing

extension PipelineReader {
  private enum WindowKind: String, CaseIterable {
    case tumbling, sliding, cumulate, session

    /// What every window of this kind states beside its length.
    var partner: String? {
      switch self {
      case .sliding: "hop"
      case .cumulate: "step"
      case .tumbling, .session: nil
      }
    }
  }

  /// More panes than this in one window cost more memory per key than anyone has.
  private static let paneCountMax: Int64 = 100_000

  /// What other programs call them.
  private static let otherNames = [
    "tumble": "tumbling", "fixed": "tumbling", "hopping": "sliding", "slide": "hop", "gap": "session", "cumulative": "cumulate",
  ]

  /// A window length beyond the range of event times says nothing more.
  private static let lengthMax: Int64 = 8_640_000_000_000_000

  /// The window at `node`, of the feature that `feature` reads; nil where it is wrong, which is reported.
  func readWindow(_ node: ConfigurationNode, _ feature: MappingReader) -> WindowSpecification? {
    let what = feature.what("window")
    guard case .mapping = node.content else {
      if node.scalarText == "none" { return .unbounded }
      if let text = node.scalarText, Units.wholeMilliseconds(text) != nil {
        values.mismatch(node, what, expected: "a kind of window", hint: "; did you mean { tumbling: \(text) }?")
      } else {
        values.mismatch(
          node, what, expected: "{ tumbling: 10s }, { sliding: 5m, hop: 10s }, { cumulate: 1d, step: 1m }, { session: 30m } or none"
        )
      }
      return nil
    }
    guard let reader = MappingReader(node, what, values) else { return nil }
    let nodes = WindowKind.allCases.map { reader.node($0.rawValue) }
    let kinds = WindowKind.allCases.filter { reader.has($0.rawValue) }
    let hop = reader.node("hop")
    let step = reader.node("step")
    let offsetNode = reader.node("offset")
    let partners = ["hop", "step"].filter { reader.has($0) }
    if kinds.isEmpty { reportMissingKind(reader, partners) }
    if kinds.count == 1, let partner = kinds[0].partner, !partners.contains(partner) {
      let example =
        kinds[0] == .sliding
        ? "a sliding window moves on by it, as in { sliding: 5m, hop: 10s }"
        : "a cumulating window grows by it, as in { cumulate: 1d, step: 1m }"
      reader.reportMissing(partner, hint: "; \(example)")
    }
    reader.finish(notBuilt: ["rows", "since"], meant: Self.otherNames)
    guard let kind = kinds.first, let lengthNode = nodes.lazy.compactMap(\.self).first else { return nil }
    let strangers = kinds.dropFirst().map(\.rawValue) + partners.filter { $0 != kind.partner }
    if let stranger = strangers.first {
      diagnostics.error(
        "wrong-value", at: reader.keyLocation(stranger), "\(what): '\(kind.rawValue)' and '\(stranger)' do not go together")
      return nil
    }
    guard let length = windowLength(lengthNode, reader.what(kind.rawValue)) else { return nil }
    if kind == .session {
      guard let offsetNode else { return .session(gap: length) }
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("offset"),
        "\(what): a session begins with its first record, so it has no offset, found \(offsetNode.foundText)")
      return nil
    }
    var partLength: Int64?
    if let partner = kind.partner {
      guard let partnerNode = kind == .sliding ? hop : step, let part = windowLength(partnerNode, reader.what(partner)) else {
        return nil
      }
      guard checkParts(kind, lengthNode, length, partnerNode, part, what) else { return nil }
      partLength = part
    }
    // Windows repeat by this much: a larger offset says the same as its remainder, and most likely means something else.
    let period = kind == .sliding ? partLength! : length
    guard let offset = offset(offsetNode, below: period, of: kind, reader) else { return nil }
    return switch kind {
    case .tumbling: .tumbling(size: length, offset: offset)
    case .sliding: .sliding(size: length, hop: partLength!, offset: offset)
    case .cumulate: .cumulating(max: length, step: partLength!, offset: offset)
    case .session: .session(gap: length)
    }
  }

  private func reportMissingKind(_ reader: MappingReader, _ partners: [String]) {
    switch partners.first {
    case "hop": reader.reportMissing("sliding", hint: "; 'hop' belongs to it, as in { sliding: 5m, hop: 10s }")
    case "step": reader.reportMissing("cumulate", hint: "; 'step' belongs to it, as in { cumulate: 1d, step: 1m }")
    default:
      let kinds = WindowKind.allCases.map(\.rawValue)
      // A misspelt kind is reported as that.
      if reader.pairs.contains(where: { Self.otherNames[$0.name] != nil || Suggestion.nearest(to: $0.name, among: kinds) != nil }) {
        return
      }
      reader.reportMissing("tumbling", hint: "; expected it, or 'sliding' with 'hop', 'cumulate' with 'step', or 'session'")
    }
  }

  private func windowLength(_ node: ConfigurationNode, _ what: String) -> Int64? {
    guard let length = values.duration(node, what) else { return nil }
    guard length <= Self.lengthMax else {
      values.mismatch(node, what, expected: "at most 100000000d", code: "wrong-value")
      return nil
    }
    return length
  }

  /// Whether a window can be made of such parts.
  private func checkParts(
    _ kind: WindowKind, _ node: ConfigurationNode, _ length: Int64, _ partNode: ConfigurationNode, _ part: Int64, _ what: String
  ) -> Bool {
    let partner = kind.partner!
    guard length % part == 0 else {
      let isSwapped = part % length == 0
      let hint =
        isSwapped
        ? "; did you mean { \(kind.rawValue): \(partNode.scalarText ?? ""), \(partner): \(node.scalarText ?? "") }?"
        : ", so its panes cannot be shared"
      diagnostics.error(
        "wrong-value", at: partNode.location,
        "\(what): \(node.scalarText ?? "") is no multiple of the \(partner) \(partNode.scalarText ?? "")\(hint)"
      )
      return false
    }
    guard length / part <= Self.paneCountMax else {
      diagnostics.error(
        "wrong-value", at: partNode.location,
        "\(what): \(length / part) \(partner)s in one window, at most \(Self.paneCountMax); a longer \(partner) costs less memory")
      return false
    }
    return true
  }

  /// 0 where there is none.
  private func offset(_ node: ConfigurationNode?, below period: Int64, of kind: WindowKind, _ reader: MappingReader) -> Int64? {
    guard let node else { return 0 }
    guard let offset = values.duration(node, reader.what("offset"), min: 0) else { return nil }
    guard offset < period else {
      let by = kind == .sliding ? "hop" : "window"
      let same = Units.durationText(milliseconds: offset % period)
      values.mismatch(
        node, reader.what("offset"), expected: "less than the \(by), \(Units.durationText(milliseconds: period))",
        code: "wrong-value",
        hint: "; \(same == "0ms" ? "leave it out" : "\(same) gives the same windows")")
      return nil
    }
    return offset
  }
}

extension WindowSpecification {
  /// As a pipeline states it: `sliding 5m hop 10s offset 2s`.
  public var text: String {
    let duration = Units.durationText(milliseconds:)
    let aligned = offset == 0 ? "" : " offset \(duration(offset))"
    return switch self {
    case .tumbling(let size, _): "tumbling \(duration(size))\(aligned)"
    case .sliding(let size, let hop, _): "sliding \(duration(size)) hop \(duration(hop))\(aligned)"
    case .cumulating(let size, let step, _): "cumulate \(duration(size)) step \(duration(step))\(aligned)"
    case .session(let gap): "session \(duration(gap))"
    case .unbounded: "no window"
    }
  }
}
