// The report as one page: plots as SVG, no script, nothing from elsewhere, light and dark.

import Base
import Foundation

extension LoadReport {
  /// The page, complete.
  public var page: String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
    <title>\(Self.escaped("Load of \(subject)"))</title>
    <style>\(Self.style)</style>
    </head>
    <body>
    <main>
    <h1>\(Self.escaped("Load of \(subject)"))</h1>
    <p class="conclusion">\(Self.escaped(conclusion))</p>
    <p class="facts">\(Self.escaped("\(TimeText.rfc3339(startedAt)) · markers read from \(watched) · objective \(objective.text)"))</p>
    <figure>
    <figcaption>Freshness by load: from an event to its reader. Both scales are logarithmic.</figcaption>
    \(freshnessPlot)
    </figure>
    <figure>
    <figcaption>Delivered load and growth of the lag by load that was asked for.</figcaption>
    \(achievedPlot)
    </figure>
    \(table)
    \(notes.isEmpty ? "" : "<ul>\(notes.map { "<li>\(Self.escaped($0))</li>" }.joined())</ul>")
    </main>
    </body>
    </html>

    """
  }

  private static let style = """
    :root{color-scheme:light dark;--ground:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--p50:#0072b2;--p90:#007a5a;--p99:#b85c00;--max:#8a3ffc;--bad:#b3261e}
    @media(prefers-color-scheme:dark){:root{--ground:#0f1318;--ink:#e6edf3;--soft:#9aa4b0;--line:#30363d;--p50:#56b4e9;--p90:#3fc79a;--p99:#f0a13a;--max:#c7a6ff;--bad:#ff8a80}}
    body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
    main{max-width:60rem;margin:0 auto;padding:1rem}
    h1{font-size:1.5rem;margin:.5rem 0}
    .conclusion{font-size:1.1rem;font-weight:600}
    .facts,figcaption{color:var(--soft);font-size:.875rem}
    figure{margin:1.5rem 0}
    svg{width:100%;height:auto;font:12px system-ui,sans-serif}
    svg text{fill:var(--soft)}
    .grid{stroke:var(--line);stroke-width:1}
    .series{fill:none;stroke-width:2}
    .p50{stroke:var(--p50)}.p90{stroke:var(--p90);stroke-dasharray:6 3}.p99{stroke:var(--p99)}.max{stroke:var(--max);stroke-dasharray:2 3}
    .dot50{fill:var(--p50)}.dot90{fill:var(--p90)}.dot99{fill:var(--p99)}.dotmax{fill:var(--max)}
    .objective{stroke:var(--bad);stroke-dasharray:8 4;stroke-width:1.5}
    .failed{stroke:var(--bad);stroke-width:2;fill:none}
    .scroll{overflow-x:auto}
    table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
    th,td{text-align:right;padding:.25rem .5rem;border-bottom:1px solid var(--line);white-space:nowrap}
    th:last-child,td:last-child{text-align:left;white-space:normal}
    .no{color:var(--bad)}
    """

  // MARK: Plots

  /// Steps by load; of those of one load the last.
  private var points: [LoadStep] {
    var last: [Double: LoadStep] = [:]
    for step in steps { last[step.asked] = step }
    return last.values.sorted { $0.asked < $1.asked }
  }

  private var freshnessPlot: String {
    let points = points.filter { $0.freshness != nil }
    guard !points.isEmpty else { return "<p>No marker came back.</p>" }
    let values = points.flatMap { [$0.freshness!.p50, $0.freshness!.max] } + [objective.milliseconds]
    let plot = Plot(
      x: LogScale(points.map(\.asked)), y: LogScale(values.map { max($0, 0.1) }), xName: "events per second", yName: "ms")
    var svg = plot.frame { Self.rate($0) }
    let bound = plot.y(objective.milliseconds)
    svg += "<line class=\"objective\" x1=\"\(Plot.left)\" x2=\"\(Plot.right)\" y1=\"\(bound)\" y2=\"\(bound)\"/>"
    svg += "<text x=\"\(Plot.left + 6)\" y=\"\(bound - 5)\">\(Self.escaped(objective.text))</text>"
    let series: [(name: String, style: String, dot: String, value: (MonitorSnapshot.Percentiles) -> Double)] = [
      ("p50", "p50", "dot50", \.p50), ("p90", "p90", "dot90", \.p90), ("p99", "p99", "dot99", \.p99),
      ("max", "max", "dotmax", \.max),
    ]
    for (index, line) in series.enumerated() {
      let places = points.map { (plot.x($0.asked), plot.y(max(line.value($0.freshness!), 0.1))) }
      svg += plot.polyline(places, line.style)
      for (step, place) in zip(points, places) {
        let title = "\(line.name) at \(Self.rate(step.asked)): \(LoadStep.text(line.value(step.freshness!)))"
        svg += Plot.dot(place, line.dot, isFailed: !step.isSustained, title: title)
      }
      svg +=
        "<line class=\"series \(line.style)\" x1=\"\(Plot.left + 12 + index * 80)\" x2=\"\(Plot.left + 40 + index * 80)\" y1=\"14\" y2=\"14\"/>"
      svg += "<text x=\"\(Plot.left + 45 + index * 80)\" y=\"18\">\(line.name)</text>"
    }
    svg += "<text x=\"\(Plot.left + 340)\" y=\"18\">crosses: not sustained</text>"
    return plot.svg("Freshness by load", svg)
  }

  private var achievedPlot: String {
    let points = points
    guard !points.isEmpty else { return "<p>No step has been made.</p>" }
    let scale = LogScale(points.flatMap { [$0.asked, max($0.achieved, 0.1)] })
    let plot = Plot(x: LogScale(points.map(\.asked)), y: scale, xName: "asked, events per second", yName: "per second")
    var svg = plot.frame { Self.rate($0) }
    let achieved = points.map { (plot.x($0.asked), plot.y(max($0.achieved, 0.1))) }
    svg += plot.polyline(achieved, "p50")
    for (step, place) in zip(points, achieved) {
      svg += Plot.dot(
        place, "dot50", isFailed: !step.isSustained, title: "\(Self.rate(step.asked)): delivered \(Self.rate(step.achieved))")
    }
    svg += "<line class=\"series p50\" x1=\"\(Plot.left + 12)\" x2=\"\(Plot.left + 40)\" y1=\"14\" y2=\"14\"/>"
    svg += "<text x=\"\(Plot.left + 45)\" y=\"18\">delivered</text>"
    let growing = points.filter { ($0.lagGrowth ?? 0) >= scale.low }
    if !growing.isEmpty {
      let places = growing.map { (plot.x($0.asked), plot.y($0.lagGrowth!)) }
      svg += plot.polyline(places, "p99")
      for (step, place) in zip(growing, places) {
        svg += Plot.dot(
          place, "dot99", isFailed: false, title: "\(Self.rate(step.asked)): the lag grows by \(Self.rate(step.lagGrowth!))")
      }
      svg += "<line class=\"series p99\" x1=\"\(Plot.left + 132)\" x2=\"\(Plot.left + 160)\" y1=\"14\" y2=\"14\"/>"
      svg += "<text x=\"\(Plot.left + 165)\" y=\"18\">lag grows by</text>"
    }
    return plot.svg("Delivered load by load that was asked for", svg)
  }

  private var table: String {
    let head = Self.columns.map { "<th scope=\"col\">\($0.isEmpty ? "verdict" : $0)</th>" }.joined()
    let rows = steps.map { step in
      let cells = Self.cells(step)
      let body = cells.dropLast().map { "<td>\(Self.escaped($0))</td>" }.joined()
      return "<tr>\(body)<td\(step.isSustained ? "" : " class=\"no\"")>\(Self.escaped(cells.last!))</td></tr>"
    }
    return
      "<div class=\"scroll\"><table><thead><tr>\(head)</tr></thead><tbody>\n\(rows.joined(separator: "\n"))\n</tbody></table></div>"
  }

  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

/// A logarithmic scale that holds its values, with a margin.
private struct LogScale {
  let low: Double
  let high: Double

  /// - Parameter values: At least one; all above 0.
  init(_ values: [Double]) {
    low = values.min()! / 1.3
    high = values.max()! * 1.3
  }

  func share(_ value: Double) -> Double { log(value / low) / log(high / low) }

  /// 1, 2 and 5 of each power of ten; fewer where there are many.
  var ticks: [Double] {
    let exponents = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up))
    let steps: [Double] = exponents.count > 5 ? [1] : exponents.count > 3 ? [1, 3] : [1, 2, 5]
    return exponents.flatMap { exponent in steps.map { $0 * pow(10, Double(exponent)) } }.filter { $0 >= low && $0 <= high }
  }
}

private struct Plot {
  let xScale: LogScale
  let yScale: LogScale
  let xName: String
  let yName: String

  static let left = 70
  static let right = 820
  static let top = 30
  static let bottom = 320

  init(x: LogScale, y: LogScale, xName: String, yName: String) {
    xScale = x
    yScale = y
    self.xName = xName
    self.yName = yName
  }

  func x(_ value: Double) -> Double { Self.rounded(Double(Self.left) + xScale.share(value) * Double(Self.right - Self.left)) }
  func y(_ value: Double) -> Double { Self.rounded(Double(Self.bottom) - yScale.share(value) * Double(Self.bottom - Self.top)) }

  private static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

  func frame(_ text: (Double) -> String) -> String {
    var svg = ""
    for tick in xScale.ticks {
      svg += "<line class=\"grid\" x1=\"\(x(tick))\" x2=\"\(x(tick))\" y1=\"\(Self.top)\" y2=\"\(Self.bottom)\"/>"
      svg += "<text x=\"\(x(tick))\" y=\"\(Self.bottom + 18)\" text-anchor=\"middle\">\(text(tick))</text>"
    }
    for tick in yScale.ticks {
      svg += "<line class=\"grid\" x1=\"\(Self.left)\" x2=\"\(Self.right)\" y1=\"\(y(tick))\" y2=\"\(y(tick))\"/>"
      let label = yName == "ms" ? "\(LoadObjective.number(tick)) ms" : text(tick)
      svg += "<text x=\"\(Self.left - 8)\" y=\"\(y(tick) + 4)\" text-anchor=\"end\">\(label)</text>"
    }
    return svg + "<text x=\"\((Self.left + Self.right) / 2)\" y=\"\(Self.bottom + 38)\" text-anchor=\"middle\">\(xName)</text>"
  }

  func polyline(_ places: [(Double, Double)], _ style: String) -> String {
    "<polyline class=\"series \(style)\" points=\"\(places.map { "\($0.0),\($0.1)" }.joined(separator: " "))\"/>"
  }

  static func dot(_ place: (Double, Double), _ style: String, isFailed: Bool, title: String) -> String {
    let title = "<title>\(LoadReport.escaped(title))</title>"
    guard isFailed else { return "<circle class=\"\(style)\" cx=\"\(place.0)\" cy=\"\(place.1)\" r=\"4\">\(title)</circle>" }
    let (x, y) = place
    return "<path class=\"failed\" d=\"M\(x - 4) \(y - 4)L\(x + 4) \(y + 4)M\(x - 4) \(y + 4)L\(x + 4) \(y - 4)\">\(title)</path>"
  }

  func svg(_ title: String, _ content: String) -> String {
    "<svg viewBox=\"0 0 840 370\" role=\"img\" aria-label=\"\(title)\">\(content)</svg>"
  }
}
