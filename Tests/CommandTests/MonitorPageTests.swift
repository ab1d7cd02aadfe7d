// The monitor's page in a real browser, over a real pipeline: tiles, numbers that move, silence, a monitor that goes and comes back.

import Foundation
import TestSupport
import Testing

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

  /// Whether a lane has a latency. It may be more than the objective allows, on a machine that is busy with other tests.
  func isMeasured(_ lane: String) throws -> Bool {
    try ["ok", "violated"].contains(state(lane)) && figure(lane, "latency").contains(#/^[\d.]+ (us|µs|ms|s)$/#)
  }

  /// The number of a lane's tile.
  func figure(_ lane: String, _ field: String) throws -> String { try browser.text(".tile.\(lane) [data-field=\(field)]") }
}

@Suite(.serialized, .enabled(if: WebDriver.isInstalled, "chromium and chromedriver are not installed"))
struct MonitorPageTests {
  @Test func `lanes, numbers that move, both themes and a phone, nothing from elsewhere, no complaint`() throws {
    let demo = try WatchedDemo()
    defer { demo.end() }
    #expect(try waitUntil { try demo.isMeasured("nrt") })
    #expect(try waitUntil { try demo.figure("batch", "now").hasSuffix("s") && demo.isMeasured("rt") })
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
    for theme in ["light", "dark"] {
      #expect(try demo.browser.run("return document.documentElement.dataset.theme") as? String == theme)
      #expect(try demo.browser.faintTexts() == [])
      try demo.browser.screenshot("\(WebDriver.screenshots)/demo-\(theme).png")
      try demo.browser.run("document.getElementById('theme').click()")
    }
    try demo.browser.resize(width: 360, height: 780)
    #expect(try demo.browser.overflow() == [])
    try demo.browser.screenshot("\(WebDriver.screenshots)/demo-phone.png")
    #expect(try demo.browser.nameless() == [])
    #expect(try demo.browser.console().filter { !$0.hasPrefix("INFO") && !$0.hasPrefix("DEBUG") } == [])
    let foreign = try demo.browser.requests().filter {
      !$0.hasPrefix(demo.address) && !$0.hasPrefix("chrome") && !$0.hasPrefix("data:")
    }
    #expect(foreign == [])
  }

  @Test func `a monitor that stops or goes is seen on the page, and so is one that goes on`() throws {
    let demo = try WatchedDemo()
    defer { demo.browser.close() }
    #expect(try waitUntil { try demo.isMeasured("nrt") })
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

  @Test func `a processor that freezes, goes on and dies is seen on the page each time`() throws {
    let process = try Program(
      "freshet", ["process", "Pipelines/shop_features.yaml", "--from", "-", "--to", "null", "--listen", "127.0.0.1:0"], input: .open
    )
    defer { process.send(signal: SIGKILL) }
    #expect(waitUntil { process.errorsSoFar.contains(#/http=127\.0\.0\.1:\d+/#) })
    let found = try #require(process.errorsSoFar.firstMatch(of: #/http=(127\.0\.0\.1:\d+)/#))
    let monitor = try Program("freshet", ["monitor", "http://\(found.1)", "--web", "127.0.0.1:0"])
    defer {
      monitor.send(signal: SIGINT)
      _ = monitor.wait()
    }
    #expect(waitUntil { monitor.errorsSoFar.contains(#/page: http:\S+\//#) })
    let page = try #require(monitor.errorsSoFar.firstMatch(of: #/page: (http:\S+)\//#))
    let browser = try WebDriver()
    defer { browser.close() }
    try browser.open("\(page.1)/")
    let state = { try browser.run("return document.querySelector('#targets li')?.className") as? String }
    #expect(try waitUntil { try state() == "ok" })
    for (signal, expected) in [(SIGSTOP, "silent"), (SIGCONT, "ok"), (SIGKILL, "silent")] {
      process.send(signal: signal)
      let sent = Date()
      #expect(try waitUntil { try state() == expected }, "\(expected)")
      // Printed, and not judged: a machine that is busy with other tests is late.
      print("after signal \(signal) the page says \(expected) within \(Date().timeIntervalSince(sent)) s")
    }
    #expect(try browser.text("#connection") == "live")
    #expect(try waitUntil { try browser.text("#targets").contains("process, silent for") })
  }
}
