// The page in a real browser, over pipelines in every condition: well, too slow, silent, not begun; and over a server that goes and comes back. Time is
// moved by the tests. Pictures are left for people to look at.

import Foundation
import HTTPServer
import TestSupport
import Testing

@testable import Monitoring

/// A page that is looked at.
private final class Watched {
  let monitor: MovingMonitor
  let browser: WebDriver
  private(set) var server: MonitorWebServer?
  let address: ListenAddress

  init(_ condition: MovingMonitor.Condition, seconds: Int = 90) throws {
    // Before the server: a browser inherits what listens, and would keep its port.
    browser = try WebDriver()
    let monitor = MovingMonitor(condition, seconds: seconds)
    self.monitor = monitor
    let server = try MonitorWebServer(ListenAddress(port: 0)) { monitor.snapshot }
    self.server = server
    address = server.address
    try browser.resize(width: 1280, height: 900)
    try browser.open("http://\(address)/?theme=light")
  }

  func stopServer() {
    server?.stop()
    server = nil
  }

  func startServer() throws {
    let monitor = monitor
    server = try MonitorWebServer(address) { monitor.snapshot }
  }

  func end() {
    browser.close()
    stopServer()
  }

  func eventually(_ selector: String, is text: String) throws -> Bool {
    try waitUntil(seconds: 20) { try browser.text(selector) == text }
  }

  func count(_ selector: String) throws -> Int {
    try browser.run("return document.querySelectorAll('\(selector)').length") as? Int ?? -1
  }

  var state: String? { try? browser.run("return document.body.className") as? String }

  /// The page in both themes, on a desk and on a phone, as a picture and by what can be measured.
  func shoot(_ name: String) throws {
    for (screen, width, height) in [("desktop", 1280, 900), ("phone", 360, 780)] {
      try browser.resize(width: width, height: height)
      #expect(try browser.overflow() == [], "\(screen)")
      for theme in ["light", "dark"] {
        try browser.run("if (document.documentElement.dataset.theme !== '\(theme)') document.getElementById('theme').click()")
        #expect(try browser.faintTexts() == [], "\(screen) \(theme)")
        try browser.screenshot("\(WebDriver.screenshots)/page-\(name)-\(screen)-\(theme).png")
      }
    }
    try browser.resize(width: 1280, height: 900)
  }
}

@Suite(.serialized, .enabled(if: WebDriver.isInstalled, "chromium and chromedriver are not installed"))
struct `The monitor's page` {
  @Test func `shows a pipeline that is well, moves with it, and asks nobody else`() throws {
    let page = try Watched(.well)
    defer { page.end() }
    #expect(try page.eventually("#connection", is: "live"))
    for lane in ["rt", "nrt", "batch"] { #expect(try page.browser.text(".tile.\(lane) .state") == "✓ ok") }
    #expect(try page.browser.run("return document.title") as? String == "shop_lanes – Freshet")
    #expect(try page.eventually("#elapsed", is: "watched for 1:30"))
    page.monitor.step(7)
    #expect(try page.eventually("#elapsed", is: "watched for 1:37"))
    #expect(try page.eventually(".tile.batch [data-field=now]", is: "9.0 s"))
    page.monitor.step(3)
    #expect(try page.eventually(".tile.batch [data-field=now]", is: "12.0 s"))
    // Six runs are too few for a p99, and the page says so.
    #expect(try page.browser.text(".tile.batch [data-field=latency-p99]").contains("too few samples"))
    #expect(try page.count(".tile.batch .few[title]") == 1)
    #expect(try page.count(".tile.rt .few") == 0)
    #expect(try page.count("#staleness .series") == 3)
    #expect(try page.count("#staleness .silence") == 0)
    #expect(try page.browser.text("#truncated").hasPrefix("3 more were not compared"))
    #expect(try page.browser.nameless() == [])
    try page.shoot("well")
    #expect(try page.browser.console() == [])
    let own = ["http://\(page.address)/", "chrome", "data:"]
    #expect(try page.browser.requests().filter { request in !own.contains { request.hasPrefix($0) } } == [])
  }

  @Test func `names from outside are text, and nothing else`() throws {
    let page = try Watched(.well)
    defer { page.end() }
    #expect(try page.eventually("#connection", is: "live"))
    #expect(try page.count("img, main script") == 0)
    #expect(try page.browser.text("#views").contains(MovingMonitor.views[1]))
    #expect(try page.browser.text("#error-table").contains(MovingMonitor.features[1]))
    // What no policy would have stopped would have been seen in the console.
    #expect(try page.browser.console() == [])
  }

  @Test func `says in words and to those who listen that an objective is not met`() throws {
    let page = try Watched(.well)
    defer { page.end() }
    #expect(try page.eventually("#connection", is: "live"))
    #expect(try page.browser.run("return document.getElementById('alert').textContent") as? String == "")
    page.monitor.become(.violated)
    #expect(try page.eventually(".tile.nrt .state", is: "! violated"))
    #expect(try page.browser.text(".tile.nrt .reasons") == "visible_delay p99 is 2.4 s, more than 500 ms")
    #expect(
      try page.browser.run("return document.getElementById('alert').textContent") as? String
        == "\(MovingMonitor.visibleDelay): violated")
    #expect(try page.browser.run("return document.title") as? String == "nrt violated, shop_lanes – Freshet")
    #expect(try page.count("[aria-live]") == 1)
    page.monitor.step(20)
    try page.shoot("violated")
  }

  @Test func `a silent processor has no numbers but an age that grows`() throws {
    let page = try Watched(.well)
    defer { page.end() }
    #expect(try page.eventually("#connection", is: "live"))
    page.monitor.become(.silent)
    #expect(try page.eventually(".tile.nrt .state", is: "✕ silent"))
    for field in ["latency", "latency-p99", "read", "error"] {
      #expect(try page.browser.text(".tile.nrt [data-field=\(field)]") == "–", "\(field)")
    }
    page.monitor.step(11)
    #expect(try page.eventually(".tile.nrt [data-field=now]", is: "12.0 s"))
    #expect(try waitUntil(seconds: 20) { try page.count("#staleness .silence") == 1 })
    #expect(try page.browser.text("#targets .silent").contains("process + archive, silent for 12.0 s"))
    #expect(try page.browser.text("#probes .silent").contains("under way"))
    // The reader's rate is not known: a dash, and a line that ends.
    #expect(try page.browser.text("#flow").contains("read from Kafka\n–"))
    try page.shoot("silent")
    page.monitor.become(.well)
    #expect(try page.eventually(".tile.nrt .state", is: "✓ ok"))
    #expect(try page.browser.console() == [])
  }

  @Test func `begins with nothing, and fills`() throws {
    let page = try Watched(.empty)
    defer { page.end() }
    #expect(try page.eventually("#connection", is: "nothing has been seen yet"))
    #expect(page.state == "waiting")
    page.monitor.become(.starting)
    #expect(try page.eventually("#connection", is: "live"))
    #expect(try page.browser.text(".tile.nrt .state") == "– unknown")
    #expect(try page.browser.text(".tile.rt [data-field=error]") == "–")
    #expect(try page.browser.text("#curve") == "no latencies yet")
    #expect(try page.browser.nameless() == [])
    try page.shoot("starting")
    page.monitor.become(.well)
    #expect(try page.eventually(".tile.nrt .state", is: "✓ ok"))
    #expect(try page.browser.console() == [])
  }

  @Test func `a server that goes is missed, and found again when it comes back`() throws {
    let page = try Watched(.well)
    defer { page.end() }
    #expect(try page.eventually("#connection", is: "live"))
    try page.browser.run("window.isSamePage = true")
    page.stopServer()
    let stopped = Date()
    #expect(try waitUntil(seconds: 20) { page.state == "lost" })
    // Printed, and not judged: a machine that is busy with other tests is late.
    print("the page missed its server after \(Date().timeIntervalSince(stopped)) s")
    #expect(try page.browser.text("#connection").hasPrefix("no word from the monitor since "))
    #expect(try page.browser.run("return document.title") as? String == "no word from the monitor – Freshet")
    #expect(try page.browser.run("return Number(getComputedStyle(document.querySelector('main')).opacity) < 0.5") as? Bool == true)
    try page.browser.screenshot("\(WebDriver.screenshots)/page-lost.png")
    page.monitor.step(5)
    try page.startServer()
    #expect(try page.eventually("#connection", is: "live"))
    #expect(try page.eventually("#elapsed", is: "watched for 1:35"))
    #expect(try page.browser.run("return window.isSamePage") as? Bool == true)
  }

  @Test func `what cannot be shown is not passed off as shown`() throws {
    let page = try Watched(.well)
    defer { page.end() }
    #expect(try page.eventually("#connection", is: "live"))
    try page.browser.run(
      "window.kept = document.createElementNS; document.createElementNS = () => { throw new Error('no shapes'); }")
    #expect(
      try page.eventually("#connection", is: "this page cannot show what it was sent (no shapes); loading it anew may help"))
    #expect(page.state == "lost")
    try page.browser.run("document.createElementNS = window.kept")
    #expect(try page.eventually("#connection", is: "live"))
  }

  @Test func `all of it is reached by keyboard, sorted and filtered`() throws {
    let page = try Watched(.well)
    defer { page.end() }
    #expect(try page.eventually("#connection", is: "live"))
    let (reached, unseen) = try page.browser.tour()
    #expect(unseen == [])
    for control in ["To the lanes", "theme", "events", "feature", "Error by feature", "filter", "Views by lane", "latency p99"] {
      #expect(reached.contains(control), "\(control) of \(reached)")
    }
    // The skip link leads past the head.
    try page.browser.run("document.activeElement.blur(); document.querySelector('.skip').focus()")
    try page.browser.press("\u{E007}")
    #expect(try page.browser.run("return document.activeElement.id") as? String == "lanes")
    // A column's head sorts, and once more the other way.
    try page.browser.run("document.querySelector('th[data-key=p99] button').focus()")
    for order in ["descending", "ascending"] {
      try page.browser.press("\u{E007}")
      #expect(
        try page.browser.run("return document.querySelector('th[data-key=p99]').getAttribute('aria-sort')") as? String == order)
      let lanes = try page.browser.run("return [...document.querySelectorAll('#views tbody .swatch')].map((e) => e.textContent)")
      let expected = ["batch", "nrt", "nrt", "rt"]
      #expect(lanes as? [String] == (order == "descending" ? expected : expected.reversed()))
    }
    try page.browser.run("document.getElementById('filter').focus()")
    try page.browser.press("batch")
    #expect(try page.count("#views tbody tr") == 1)
    // What has the focus keeps it while numbers come.
    page.monitor.step(1)
    #expect(try page.eventually("#elapsed", is: "watched for 1:31"))
    #expect(try page.browser.run("return document.activeElement.id") as? String == "filter")
  }
}
