// The monitor's page in a real browser, over a real pipeline: tiles, numbers that move, silence, a monitor that goes and comes back.

import Foundation
import TestSupport
import Testing

private let screenshots =
  ProcessInfo.processInfo.environment["FRESHET_SCREENSHOTS"] ?? "\(Products.packageFolder)/.build/screenshots"

/// A demo with its page, and a browser that looks at it.
private final class WatchedDemo {
  let folder = TestFolder()
  let program: Program
  let browser: WebDriver
  let address: String

  init(_ arguments: String...) throws {
    program = try Program(
      "freshet", ["demo", "--web", "127.0.0.1:0", "--for", "10m"] + arguments, environment: ["TMPDIR": folder.path])
    let program = program
    guard waitUntil(seconds: 30, { program.errorsSoFar.contains("the monitor's page: ") }),
      let found = program.errorsSoFar.firstMatch(of: #/page: (http://127\.0\.0\.1:\d+)\//#)
    else { throw WebDriver.Refusal(description: "no page: \(program.errorsSoFar)") }
    address = String(found.1)
    browser = try WebDriver()
    try browser.open(address + "/?theme=light")
  }

  func end() {
    browser.close()
    program.send(signal: SIGINT)
    _ = program.wait()
  }

  func state(_ lane: String) throws -> String {
    try browser.run("const t = document.querySelector('.tile.\(lane)'); return t ? t.dataset.health : ''") as? String ?? ""
  }

  /// The number of a lane's tile.
  func figure(_ lane: String, _ field: String) throws -> String { try browser.text(".tile.\(lane) [data-field=\(field)]") }
}

@Suite(.serialized, .enabled(if: WebDriver.isInstalled, "chromium and chromedriver are not installed"))
struct MonitorPageTests {
  @Test func `lanes, numbers that move, both themes and a phone, nothing from elsewhere, no complaint`() throws {
    let demo = try WatchedDemo()
    defer { demo.end() }
    #expect(try waitUntil { try demo.state("nrt") == "ok" && demo.figure("nrt", "latency").hasSuffix("ms") })
    #expect(try waitUntil { try demo.figure("batch", "now").hasSuffix("s") && demo.figure("rt", "latency").hasSuffix("ms") })
    #expect(try demo.browser.text("#pipeline") == "shop_lanes")
    #expect(try demo.browser.text("#connection") == "live")
    // Numbers move: the age of what batch runs have published grows by itself.
    let before = try demo.figure("batch", "now")
    #expect(try waitUntil { try demo.figure("batch", "now") != before })
    // Each part has something to show.
    for part in ["staleness", "curve", "stages", "phases", "errors"] {
      #expect(
        try waitUntil { try (demo.browser.run("return document.querySelectorAll('#\(part) svg *').length") as? Int ?? 0) > 3 },
        "\(part)")
      #expect(
        try demo.browser.run("return document.querySelector('#\(part) svg').getAttribute('aria-label').length > 10") as? Bool
          == true)
    }
    #expect(try (demo.browser.run("return document.querySelectorAll('#views tbody tr').length") as? Int) == 4)
    #expect(try waitUntil { try demo.browser.text("#objectives").contains("nrt visible_delay p99 ≤ 500ms") })
    #expect(try waitUntil { try demo.browser.text("#probes-summary").contains("user_activity") })
    try shoot(demo)
    try checkContrast(demo.browser)
    try checkKeyboard(demo.browser)
    #expect(try demo.browser.console().filter { !$0.hasPrefix("INFO") && !$0.hasPrefix("DEBUG") } == [])
    let foreign = try demo.browser.requests().filter {
      !$0.hasPrefix(demo.address) && !$0.hasPrefix("chrome") && !$0.hasPrefix("data:")
    }
    #expect(foreign == [])
  }

  /// Both themes on a desk, and a phone: what does not fit would be seen as a page wider than its window.
  private func shoot(_ demo: WatchedDemo) throws {
    try demo.browser.screenshot("\(screenshots)/monitor-light.png")
    try demo.browser.run("document.getElementById('theme').click()")
    #expect(try demo.browser.run("return document.documentElement.dataset.theme") as? String == "dark")
    try checkContrast(demo.browser)
    try demo.browser.screenshot("\(screenshots)/monitor-dark.png")
    try demo.browser.resize(width: 500, height: 1600)
    for width in [360, 500] {
      // Chromium's windows are not narrower than 500; the body can be.
      try demo.browser.run("document.body.style.maxWidth = '\(width)px'; dispatchEvent(new Event('resize'))")
      let overflow = try demo.browser.run("return document.body.scrollWidth - document.body.clientWidth") as? Int
      #expect(overflow == 0, "\(width) px")
    }
    try demo.browser.run("document.body.style.maxWidth = ''")
    try demo.browser.screenshot("\(screenshots)/monitor-phone.png")
    try demo.browser.resize(width: 1280, height: 1600)
    try demo.browser.run("document.getElementById('theme').click()")
  }

  /// WCAG 2.2: text has a contrast of at least 4.5 to what it stands on.
  private func checkContrast(_ browser: WebDriver) throws {
    let found =
      try browser.run(
        """
        const light = (c) => { const v = c.map((x) => x / 255).map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4); return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
        const parse = (text) => text.match(/[\\d.]+/g).map(Number);
        const back = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.9) return c; } return [255, 255, 255]; };
        const bad = [];
        for (const e of document.querySelectorAll('h1, h2, h3, p, dt, dd, th, td, li, label, button, .state, small, svg text')) {
          if (!e.textContent.trim() || e.closest('.few') || e.classList.contains('few') || e.closest('.visually-hidden')) continue;
          const style = getComputedStyle(e);
          const [a, b] = [light(parse(e.tagName === 'text' ? style.fill : style.color)), light(back(e))];
          const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (ratio < 4.5) bad.push(`${e.tagName}.${e.getAttribute('class') || ''} ${e.textContent.trim().slice(0, 20)} ${ratio.toFixed(2)}`);
        }
        return [...new Set(bad)].slice(0, 10).join('; ');
        """) as? String
    #expect(found == "")
  }

  /// Every control can be reached and seen to be.
  private func checkKeyboard(_ browser: WebDriver) throws {
    try browser.run("document.activeElement.blur(); window.scrollTo(0, 0)")
    var reached: [String] = []
    for _ in 0..<20 {
      try browser.press("\u{E004}")
      let name = try browser.run(
        "const e = document.activeElement; return (e.id || e.textContent) + (getComputedStyle(e).outlineStyle === 'none' ? ' unseen' : '')"
      )
      reached.append(name as? String ?? "")
    }
    for control in ["To the lanes", "theme", "feature", "filter"] { #expect(reached.contains(control), "\(control) of \(reached)") }
    #expect(reached.contains { $0.hasPrefix("latency p50") || $0 == "view" })
  }

  @Test func `a store that does not answer is seen on the page within two seconds, and so is a monitor that has gone`() throws {
    let demo = try WatchedDemo()
    defer { demo.browser.close() }
    #expect(try waitUntil { try demo.state("nrt") == "ok" && demo.figure("nrt", "latency").hasSuffix("ms") })
    demo.program.send(signal: SIGSTOP)
    let stopped = Date()
    #expect(try waitUntil(seconds: 10) { try demo.browser.text("#connection").hasPrefix("no word from the monitor since") })
    let noticed = Date().timeIntervalSince(stopped)
    // Printed, and not judged: a machine that is busy with other tests is late.
    print("the page noticed a stopped monitor after \(noticed) s")
    #expect(try demo.browser.run("return document.body.className") as? String == "lost")
    demo.program.send(signal: SIGCONT)
    #expect(try waitUntil { try demo.browser.text("#connection") == "live" })
    demo.program.send(signal: SIGINT)
    _ = demo.program.wait()
    #expect(try waitUntil { try demo.browser.run("return document.body.className") as? String == "lost" })
  }
}
