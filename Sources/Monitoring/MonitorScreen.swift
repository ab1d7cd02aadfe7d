// A snapshot as lines of text, for a terminal of any size or for a report: the three lanes side by side, where the time goes, flow, probes, objectives, views,
// events. What is known is what the snapshot says; a dash stands for nothing. Colour is never alone: each state has its sign.

import Foundation

public struct MonitorScreen {
  /// How the user looks at it.
  public struct Options: Equatable, Sendable {
    public enum Order: String, CaseIterable, Sendable {
      case name, lane, latency, staleness
    }

    public var order = Order.name
    /// Only views with this in their name.
    public var filter = ""
    public var isPaused = false
    public var showsHelp = false
    /// What the user is writing, as it is edited.
    public var filterBeingWritten: String?
    /// How many lines below the title are passed over.
    public var scroll = 0

    public init() {}
  }

  public var width: Int
  /// Lines; nil for as many as there are.
  public var height: Int?
  public var hasColors: Bool

  public init(width: Int, height: Int?, hasColors: Bool) {
    self.width = max(40, width)
    self.height = height
    self.hasColors = hasColors
  }

  /// The whole screen.
  public func lines(_ snapshot: MonitorSnapshot, _ options: Options = Options()) -> [String] { view(snapshot, options).lines }

  /// The whole screen, and how far it can be scrolled.
  public func view(_ snapshot: MonitorSnapshot, _ options: Options = Options()) -> (lines: [String], scrollMax: Int) {
    let title = title(snapshot, options)
    if options.showsHelp { return (cut(title + [Line("")] + Self.help.map { Line($0) }), 0) }
    var sections = [[Line("")] + lanes(snapshot)]
    sections.append(stages(snapshot))
    sections.append(flow(snapshot))
    sections.append(probes(snapshot))
    sections.append(objectives(snapshot))
    sections.append(views(snapshot, options))
    let body = sections.filter { !$0.isEmpty }.flatMap { $0 }
    let events = events(snapshot)
    let foot = foot(options)
    guard let height else { return (cut(title + body + events + foot), 0) }
    // The newest events fill what is left, and have two lines in any case.
    let room = max(0, height - title.count - foot.count)
    let eventCount = min(events.count, max(min(3, room / 2), room - body.count))
    let (shown, scrollMax) = scrolled(body, room - eventCount, by: options.scroll)
    let newest = events.prefix(min(1, eventCount)) + events.dropFirst().suffix(max(0, eventCount - 1))
    return (cut(title + shown + newest + foot), scrollMax)
  }

  /// As many lines as there is room for, the last of which says what is beyond it.
  private func scrolled(_ body: [Line], _ room: Int, by scroll: Int) -> (shown: [Line], scrollMax: Int) {
    guard body.count > room, room > 1 else { return (Array(body.prefix(max(0, room))), 0) }
    let shownCount = room - 1
    let scrollMax = body.count - shownCount
    let first = min(scroll, scrollMax)
    let below = scrollMax - first
    let note = below > 0 ? "\(below) more below" : "\(first) above"
    return (body[first..<first + shownCount] + [Line("  ... \(note): arrow keys, page up and down", .dim)], scrollMax)
  }

  static let help = [
    "q  end    p  pause    w  window: 10 s, 1 min, 5 min, since the start",
    "s  order of the views    /  only views with a name like ...    ?  this",
    "arrow keys, page up and down: what does not fit",
    "",
    "latency    rt: from request to answer; batch: a run;",
    "           nrt: from event to row in Redis",
    "age        of a value that is read: now, and as served in the window",
    "error      of values against the exact ones, relative: median and p90",
    "grey       too few samples for such a percentile",
    "+ holds its objectives    ! does not    x silent, nothing is known",
    "- nothing to judge by",
  ]

  // MARK: Sections

  private func title(_ snapshot: MonitorSnapshot, _ options: Options) -> [Line] {
    var line = Line("freshet monitor", .strong)
    line.add("  \(snapshot.pipeline.isEmpty ? "" : snapshot.pipeline + "  ")")
    line.add("\(Self.clock(snapshot.elapsedSeconds))  window \(Self.window(snapshot.windowSeconds))", .dim)
    if options.isPaused { line.add("  paused", .warning) }
    var lines = [line]
    var targets = Line("")
    for target in snapshot.targets {
      let part = "\(Self.sign(target.health)) \(target.roles.isEmpty ? target.address : target.roles.joined(separator: "+"))"
      if targets.count + part.count + 2 > width - 1, targets.count > 0 {
        lines.append(targets)
        targets = Line("")
      }
      targets.add((targets.count > 0 ? "  " : "") + part, Self.style(target.health))
      if let offset = target.clockOffset, let error = target.clockOffsetError, abs(offset) > error {
        targets.add(" clock \(String(format: "%+.0f", offset)) ms", .warning)
      }
    }
    if targets.count > 0 { lines.append(targets) }
    for target in snapshot.targets where target.health != .ok {
      for reason in target.reasons.prefix(2) { lines.append(Line("  \(target.address): \(reason)", Self.style(target.health))) }
    }
    return lines
  }

  private func lanes(_ snapshot: MonitorSnapshot) -> [Line] {
    let isWide = width >= 100
    var head = ["lane", "", "latency", "p99", "age now", "p50", "p99", "error", "p90"]
    if !isWide { head = ["lane", "", "latency", "p99", "age now", "p99", "error"] }
    var rows: [[Cell]] = [head.map { Cell($0, .dim) }]
    for lane in snapshot.lanes {
      let state = "\(Self.sign(lane.health)) \(Self.word(lane.health))"
      var row = [Cell(lane.lane, .strong), Cell(state, Self.style(lane.health))]
      row += [percentile(lane.latency, 50, \.p50), percentile(lane.latency, 99, \.p99)]
      row.append(Cell(lane.stalenessNow.map(MonitorModel.milliseconds) ?? "-"))
      if isWide { row.append(percentile(lane.staleness, 50, \.p50)) }
      row.append(percentile(lane.staleness, 99, \.p99))
      row += lane.lane == "rt" ? [Cell("exact", .dim)] : [Cell(lane.errorMedian.map(Self.percent) ?? "-")]
      if isWide { row.append(lane.lane == "rt" ? Cell("") : Cell(lane.errorP90.map(Self.percent) ?? "-")) }
      rows.append(row)
    }
    var lines = table(rows, leading: 2)
    for lane in snapshot.lanes {
      if let cost = lane.cost { lines.append(Line("  \(lane.lane) costs \(cost)", .dim)) }
    }
    if snapshot.truncatedCount > 0 {
      lines.append(Line("  \(snapshot.truncatedCount) values not compared: events that the exact one needs are gone", .dim))
    }
    for lane in snapshot.lanes {
      for reason in lane.reasons.prefix(3) {
        lines.append(Line("  \(Self.sign(lane.health)) \(lane.lane): \(reason)", Self.style(lane.health)))
      }
    }
    return lines
  }

  private func stages(_ snapshot: MonitorSnapshot) -> [Line] {
    guard !snapshot.stages.isEmpty else { return [] }
    let scale = snapshot.stages.compactMap(\.duration?.p99).max() ?? 0
    let barWidth = max(10, width - 44)
    var lines = [Line(""), Line("nrt by stage            p50        p99", .dim)]
    for stage in snapshot.stages {
      var line = Line("  " + stage.name.padding(toLength: 20, withPad: " ", startingAt: 0))
      guard let duration = stage.duration else {
        line.add("-")
        lines.append(line)
        continue
      }
      line.add(Self.right(MonitorModel.milliseconds(duration.p50), 8), duration.isFirm(50) ? .plain : .dim)
      line.add(Self.right(MonitorModel.milliseconds(duration.p99), 11), duration.isFirm(99) ? .plain : .dim)
      let full = scale > 0 ? Int((duration.p50 / scale * Double(barWidth)).rounded()) : 0
      let tail = scale > 0 ? Int((duration.p99 / scale * Double(barWidth)).rounded()) : 0
      line.add("  " + String(repeating: "█", count: min(full, barWidth)), .accent)
      line.add(String(repeating: "░", count: max(0, min(tail, barWidth) - full)), .accent)
      lines.append(line)
    }
    if !snapshot.phases.isEmpty {
      let parts = snapshot.phases.compactMap { phase in
        phase.duration.map { "\(phase.name) \(Self.microseconds($0.p50))" }
      }
      if !parts.isEmpty { lines += wrapped("  a request, p50: ", parts) }
    }
    return lines
  }

  private func flow(_ snapshot: MonitorSnapshot) -> [Line] {
    let flow = snapshot.flow
    var parts: [String] = []
    func add(_ name: String, _ rate: Double?) { if let rate { parts.append("\(name) \(MonitorModel.count(rate))/s") } }
    add("asked", flow.asked)
    add("generated", flow.generated)
    add("read", flow.read)
    add("rows", flow.rows)
    add("archived", flow.archived)
    add("requests", flow.requests)
    if let lag = flow.lag { parts.append("lag \(lag)") }
    if let lag = flow.archiveLag { parts.append("archive lag \(lag)") }
    if let keys = flow.keys { parts.append("keys \(MonitorModel.count(Double(keys)))") }
    guard !parts.isEmpty else { return [] }
    var lines = [Line("")] + wrapped("flow  ", parts)
    let history = snapshot.history.suffix(max(10, min(60, width - 36)))
    let rate = { (value: Double) in "\(MonitorModel.count(value))/s" }
    for (name, values, text) in [
      ("events read", history.map(\.read), rate), ("age of nrt", history.map { $0.stalenessP99["nrt"] }, MonitorModel.milliseconds),
      ("age of batch", history.map { $0.stalenessP99["batch"] }, MonitorModel.milliseconds),
    ] {
      guard let greatest = values.compactMap({ $0 }).max() else { continue }
      var line = Line("  " + name.padding(toLength: 14, withPad: " ", startingAt: 0), .dim)
      line.add(Self.sparkline(values), .accent)
      line.add("  at most \(text(greatest))", .dim)
      lines.append(line)
    }
    for (reason, rate) in flow.uncounted.sorted(by: { $0.key < $1.key }) {
      lines.append(Line("  ! not counted: \(reason), \(MonitorModel.count(rate))/s", .warning))
    }
    return lines
  }

  private func probes(_ snapshot: MonitorSnapshot) -> [Line] {
    guard let probes = snapshot.probes else { return [] }
    var line = Line("probes  ", .dim)
    line.add("\(probes.view): \(probes.visible) of \(probes.sent) back")
    if let delay = probes.delay {
      line.add(", p50 \(MonitorModel.milliseconds(delay.p50)), ")
      line.add("p99 \(MonitorModel.milliseconds(delay.p99))", delay.isFirm(99) ? .plain : .dim)
    }
    var partitions = Line("  partitions ", .dim)
    for partition in probes.partitions {
      let age = partition.inFlightAge.map { $0 > 1000 ? " \(MonitorModel.milliseconds($0)) under way" : "" } ?? ""
      partitions.add("\(Self.sign(partition.health)) \(partition.partition)\(age)  ", Self.style(partition.health))
    }
    return [Line(""), line] + (probes.partitions.isEmpty ? [] : [partitions])
  }

  private func objectives(_ snapshot: MonitorSnapshot) -> [Line] {
    guard !snapshot.objectives.isEmpty else { return [] }
    return [Line(""), Line("objectives", .dim)]
      + snapshot.objectives.map { objective in
        Line(
          "  \(Self.sign(objective.health)) \(objective.text): "
            + (objective.measured.map(MonitorModel.milliseconds) ?? "nothing to judge by"), Self.style(objective.health))
      }
  }

  private func views(_ snapshot: MonitorSnapshot, _ options: Options) -> [Line] {
    let filter = options.filterBeingWritten ?? options.filter
    let views = snapshot.views.filter { filter.isEmpty || "\($0.name)@\($0.lane)".contains(filter) }.sorted { left, right in
      switch options.order {
      case .name: (left.name, left.lane) < (right.name, right.lane)
      case .lane: (left.lane, left.name) < (right.lane, right.name)
      case .latency: (left.latency?.p99 ?? -1) > (right.latency?.p99 ?? -1)
      case .staleness: (left.staleness?.p99 ?? -1) > (right.staleness?.p99 ?? -1)
      }
    }
    guard !snapshot.views.isEmpty else { return [] }
    var rows = [["view", "lane", "", "latency", "p99", "age p50", "p99", "served"].map { Cell($0, .dim) }]
    for view in views {
      rows.append(
        [
          Cell(view.name), Cell(view.lane), Cell(Self.sign(view.health), Self.style(view.health)),
          percentile(view.latency, 50, \.p50), percentile(view.latency, 99, \.p99), percentile(view.staleness, 50, \.p50),
          percentile(view.staleness, 99, \.p99), Cell(view.served.map { "\(MonitorModel.count($0))/s" } ?? "-"),
        ])
    }
    let note = filter.isEmpty ? "" : ", with '\(filter)'"
    return [Line(""), Line("views, by \(options.order.rawValue)\(note)", .dim)] + table(rows, leading: 2)
  }

  private func events(_ snapshot: MonitorSnapshot) -> [Line] {
    guard !snapshot.events.isEmpty else { return [] }
    return [Line("")]
      + snapshot.events.map { event in
        let sign = event.level == .bad ? "!" : event.level == .good ? "+" : "-"
        return Line(
          "  \(Self.timeOfDay(event.at)) \(sign) \(event.text)",
          event.level == .bad ? .bad : event.level == .good ? .good : .dim)
      }
  }

  private func foot(_ options: Options) -> [Line] {
    if let filter = options.filterBeingWritten {
      return [Line("only views with: \(filter)_   (enter keeps it, escape ends it)", .strong)]
    }
    return options.isPaused ? [Line("paused; p goes on", .strong)] : []
  }

  // MARK: Parts

  private struct Cell {
    var text: String
    var style: Style

    init(_ text: String, _ style: Style = .plain) {
      self.text = text
      self.style = style
    }
  }

  private func percentile(
    _ percentiles: MonitorSnapshot.Percentiles?, _ percentile: Double, _ get: (MonitorSnapshot.Percentiles) -> Double
  ) -> Cell {
    guard let percentiles else { return Cell("-") }
    return Cell(MonitorModel.milliseconds(get(percentiles)), percentiles.isFirm(percentile) ? .plain : .dim)
  }

  /// The first `leading` columns to the left, the others to the right.
  private func table(_ rows: [[Cell]], leading: Int) -> [Line] {
    guard let first = rows.first else { return [] }
    let widths = first.indices.map { column in rows.map { column < $0.count ? $0[column].text.count : 0 }.max() ?? 0 }
    return rows.map { row in
      var line = Line("  ")
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.text.count)
        line.add(column < leading ? cell.text + space : space + cell.text, cell.style)
        if column + 1 < row.count { line.add("  ") }
      }
      return line
    }
  }

  private func wrapped(_ label: String, _ parts: [String]) -> [Line] {
    var lines: [Line] = []
    var line = Line(label, .dim)
    for part in parts {
      if line.count + part.count + 2 > width - 1 {
        lines.append(line)
        line = Line(String(repeating: " ", count: label.count))
      }
      line.add(part + "   ")
    }
    return lines + [line]
  }

  private func cut(_ lines: [Line]) -> [String] {
    let lines = height.map { Array(lines.prefix($0)) } ?? lines
    return lines.map { $0.text(width: width - 1, hasColors: hasColors) }
  }

  // MARK: Texts

  static func sign(_ health: MonitorSnapshot.Health) -> String {
    switch health {
    case .ok: "+"
    case .violated: "!"
    case .silent: "x"
    case .unknown: "-"
    }
  }

  static func word(_ health: MonitorSnapshot.Health) -> String {
    switch health {
    case .ok: "ok"
    case .violated: "violated"
    case .silent: "silent"
    case .unknown: "unknown"
    }
  }

  private static func style(_ health: MonitorSnapshot.Health) -> Style {
    switch health {
    case .ok: .good
    case .violated: .warning
    case .silent: .bad
    case .unknown: .dim
    }
  }

  static func percent(_ fraction: Double) -> String {
    let percent = fraction * 100
    return percent == 0 || percent >= 10 ? String(format: "%.0f %%", percent) : String(format: "%.1f %%", percent)
  }

  private static func microseconds(_ milliseconds: Double) -> String {
    milliseconds < 1 ? String(format: "%.0f us", milliseconds * 1000) : MonitorModel.milliseconds(milliseconds)
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  static func window(_ seconds: Int) -> String {
    seconds == 0 ? "since the start" : seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds) s"
  }

  private static func clock(_ seconds: Double) -> String {
    let whole = Int(seconds)
    return String(format: "%02d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
  }

  private static func timeOfDay(_ milliseconds: Int64) -> String {
    let second = Int(((milliseconds / 1000) % 86_400 + 86_400) % 86_400)
    return String(format: "%02d:%02d:%02d", second / 3600, second / 60 % 60, second % 60)
  }

  /// Eight heights; a blank where nothing was known.
  static func sparkline(_ values: [Double?]) -> String {
    let marks = Array("▁▂▃▄▅▆▇█")
    let greatest = values.compactMap { $0 }.max() ?? 0
    return String(
      values.map { value in
        guard let value else { return " " }
        return marks[greatest > 0 ? min(7, Int(value / greatest * 7.999)) : 0]
      })
  }
}

/// How a piece of text looks.
enum Style {
  case plain, dim, strong, good, warning, bad, accent

  var code: String {
    switch self {
    case .plain: ""
    case .dim: "\u{1b}[2m"
    case .strong: "\u{1b}[1m"
    case .good: "\u{1b}[32m"
    case .warning: "\u{1b}[33;1m"
    case .bad: "\u{1b}[31;1m"
    case .accent: "\u{1b}[36m"
    }
  }
}

/// A line in pieces, cut by what is seen of it.
struct Line {
  private var pieces: [(text: String, style: Style)] = []
  private(set) var count = 0

  init(_ text: String, _ style: Style = .plain) { add(text, style) }

  mutating func add(_ text: String, _ style: Style = .plain) {
    guard !text.isEmpty else { return }
    // What comes from outside must not move the cursor.
    let shown = String(text.map { $0.unicodeScalars.contains { $0.properties.generalCategory == .control } ? "?" : $0 })
    pieces.append((shown, style))
    count += shown.count
  }

  func text(width: Int, hasColors: Bool) -> String {
    var result = ""
    var left = width
    for piece in pieces where left > 0 {
      let text = String(piece.text.prefix(left))
      left -= text.count
      result += hasColors && !piece.style.code.isEmpty ? "\(piece.style.code)\(text)\u{1b}[0m" : text
    }
    while result.last == " " { result.removeLast() }
    return result
  }
}
