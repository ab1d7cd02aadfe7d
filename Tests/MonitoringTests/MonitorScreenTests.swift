// The monitor's screens, letter by letter, and what keys do to them.

import Base
import Measuring
import Testing

@testable import Monitoring

/// All that a screen can show, once.
private let full: MonitorSnapshot = {
  func percentiles(_ milliseconds: [Double], count: Int64 = 10_000) -> MonitorSnapshot.Percentiles {
    var distribution = DurationDistribution()
    distribution.insert(nanoseconds: Int64(milliseconds[0] * 1e6), count: count * 95 / 100)
    distribution.insert(nanoseconds: Int64(milliseconds[1] * 1e6), count: count - count * 95 / 100)
    return MonitorSnapshot.Percentiles(distribution)!
  }
  var snapshot = MonitorSnapshot(pipeline: "shop", now: 1_700_000_060_000, elapsedSeconds: 3725, windowSeconds: 60)
  var process = MonitorSnapshot.Target(address: "http://10.0.0.1:9464", roles: ["process", "archive"], health: .ok)
  (process.clockOffset, process.clockOffsetError) = (12.4, 0.8)
  var serve = MonitorSnapshot.Target(address: "http://10.0.0.2:6566", roles: ["serve", "batch"], health: .silent)
  serve.reasons = ["no answer within 700 ms"]
  snapshot.targets = [process, serve, MonitorSnapshot.Target(address: "redis://10.0.0.3:6379", roles: ["redis"], health: .ok)]
  var rt = MonitorSnapshot.LaneState(lane: "rt")
  rt.health = .silent
  rt.reasons = ["serve+batch (http://10.0.0.2:6566): no answer within 700 ms"]
  var nrt = MonitorSnapshot.LaneState(lane: "nrt")
  nrt.health = .violated
  nrt.latency = percentiles([152.3, 640])
  nrt.staleness = percentiles([160, 655], count: 50)
  nrt.stalenessNow = 2300
  (nrt.comparedCount, nrt.equalCount, nrt.errorMedian, nrt.errorP90) = (900, 700, 0, 0.034)
  nrt.reasons = ["partition 3: a marker has been under way for 2.3 s", "visible_delay p99 is 640 ms, more than 500 ms"]
  nrt.cost = "12.3k rows/s written, state of 45.1k keys"
  var batch = MonitorSnapshot.LaneState(lane: "batch")
  batch.health = .ok
  batch.latency = percentiles([1200, 1400], count: 40)
  batch.stalenessNow = 31_000
  (batch.errorMedian, batch.errorP90) = (0.128, 0.61)
  batch.cost = "a run of 1.2 s every 15.0 s, over 1.2M events"
  snapshot.lanes = [rt, nrt, batch]
  snapshot.truncatedCount = 7
  snapshot.stages = [
    .init(name: "event -> log", duration: percentiles([3, 20])), .init(name: "log -> read", duration: percentiles([5, 320])),
    .init(name: "read -> applied", duration: percentiles([0.4, 2])), .init(name: "applied -> visible", duration: nil),
    .init(name: "event -> visible", duration: percentiles([152.3, 640])),
  ]
  snapshot.phases = [.init(name: "parse", duration: percentiles([0.012, 0.05])), .init(name: "queue", duration: nil)]
  snapshot.flow.generated = 50_000
  snapshot.flow.read = 49_700
  snapshot.flow.rows = 12_345
  snapshot.flow.lag = 1234
  snapshot.flow.keys = 45_123
  snapshot.flow.uncounted = ["late": 2.5]
  for second in 0..<12 {
    var point = MonitorSnapshot.HistoryPoint(at: Int64(second) * 1000)
    point.read = second == 5 ? nil : Double(second) * 1000
    point.stalenessP99 = ["nrt": 200, "batch": Double(second) * 1000 + 1000]
    snapshot.history.append(point)
  }
  var probes = MonitorSnapshot.Probes(view: "v")
  (probes.sent, probes.visible, probes.delay) = (120, 118, percentiles([155, 2300], count: 60))
  probes.partitions = [
    .init(partition: 0, health: .ok, lastDelay: 150, inFlightAge: nil),
    .init(partition: 3, health: .silent, lastDelay: 160, inFlightAge: 2300),
  ]
  snapshot.probes = probes
  snapshot.objectives = [
    .init(
      text: "nrt visible_delay p99 <= 500ms", lane: "nrt", metric: "visible_delay", bound: 500, measured: 640, health: .violated),
    .init(text: "rt serve_latency p99 <= 5ms", lane: "rt", metric: "serve_latency", bound: 5, measured: nil, health: .silent),
    .init(
      text: "batch staleness_at_read max <= 1m", lane: "batch", metric: "staleness_at_read", bound: 60_000, measured: 31_000,
      health: .ok),
  ]
  for (name, lane, health) in [
    ("user_activity", "rt", MonitorSnapshot.Health.silent), ("user_activity", "nrt", .ok), ("user_spend", "batch", .unknown),
  ] {
    var view = MonitorSnapshot.ViewState(name: name, lane: lane)
    view.health = health
    if health == .ok {
      (view.latency, view.staleness, view.served) = (percentiles([150, 600]), percentiles([160, 655], count: 50), 812.4)
    }
    snapshot.views.append(view)
  }
  snapshot.events = [
    .init(at: 1_700_000_000_000, level: .note, text: "process (http://10.0.0.1:9464) has been started again"),
    .init(at: 1_700_000_050_000, level: .good, text: "batch run of user_spend published, 1.3 s behind its cutoff"),
    .init(at: 1_700_000_058_000, level: .bad, text: "serve+batch (http://10.0.0.2:6566) is silent: no answer within 700 ms"),
  ]
  return snapshot
}()

@Suite struct `A monitor's screen` {
  @Test func `has 120 columns`() {
    let text = MonitorScreen(width: 120, height: nil, hasColors: false).lines(full).joined(separator: "\n")
    #expect(
      text == """
        freshet monitor  shop  01:02:05  window 1 min
        + process+archive clock +12 ms  x serve+batch  + redis
          http://10.0.0.2:6566: no answer within 700 ms

          lane               latency     p99  age now     p50     p99  error    p90
          rt     x silent          -       -        -       -       -  exact
          nrt    ! violated   152 ms  640 ms    2.3 s  160 ms  655 ms    0 %  3.4 %
          batch  + ok          1.2 s   1.4 s   31.0 s       -       -   13 %   61 %
          nrt costs 12.3k rows/s written, state of 45.1k keys
          batch costs a run of 1.2 s every 15.0 s, over 1.2M events
          7 values not compared: events that the exact one needs are gone
          x rt: serve+batch (http://10.0.0.2:6566): no answer within 700 ms
          ! nrt: partition 3: a marker has been under way for 2.3 s
          ! nrt: visible_delay p99 is 640 ms, more than 500 ms

        nrt by stage            p50        p99
          event -> log          3.0 ms      20 ms  ░░
          log -> read           5.0 ms     320 ms  █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
          read -> applied       0.4 ms     2.0 ms
          applied -> visible  -
          event -> visible      152 ms     640 ms  ██████████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
          a request, p50: parse 12 us

        flow  generated 50k/s   read 49.7k/s   rows 12.3k/s   lag 1234   keys 45.1k
          events read   ▁▁▂▃▃ ▅▆▆▇██  at most 11k/s
          age of nrt    ████████████  at most 200 ms
          age of batch  ▁▂▂▃▄▄▅▆▆▇██  at most 12.0 s
          ! not counted: late, 2.5/s

        probes  v: 118 of 120 back, p50 155 ms, p99 2.3 s
          partitions + 0  x 3 2.3 s under way

        objectives
          ! nrt visible_delay p99 <= 500ms: 640 ms
          x rt serve_latency p99 <= 5ms: nothing to judge by
          + batch staleness_at_read max <= 1m: 31.0 s

        views, by name
          view           lane      latency     p99  age p50     p99  served
          user_activity  nrt    +   150 ms  600 ms   160 ms  655 ms   812/s
          user_activity  rt     x        -       -        -       -       -
          user_spend     batch  -        -       -        -       -       -

          22:13:20 - process (http://10.0.0.1:9464) has been started again
          22:14:10 + batch run of user_spend published, 1.3 s behind its cutoff
          22:14:18 ! serve+batch (http://10.0.0.2:6566) is silent: no answer within 700 ms
        """)
  }

  @Test func `has 80 columns, and as many lines as there are`() {
    let text = MonitorScreen(width: 80, height: 24, hasColors: false).lines(full).joined(separator: "\n")
    #expect(
      text == """
        freshet monitor  shop  01:02:05  window 1 min
        + process+archive clock +12 ms  x serve+batch  + redis
          http://10.0.0.2:6566: no answer within 700 ms

          lane               latency     p99  age now     p99  error
          rt     x silent          -       -        -       -  exact
          nrt    ! violated   152 ms  640 ms    2.3 s  655 ms    0 %
          batch  + ok          1.2 s   1.4 s   31.0 s       -   13 %
          nrt costs 12.3k rows/s written, state of 45.1k keys
          batch costs a run of 1.2 s every 15.0 s, over 1.2M events
          7 values not compared: events that the exact one needs are gone
          x rt: serve+batch (http://10.0.0.2:6566): no answer within 700 ms
          ! nrt: partition 3: a marker has been under way for 2.3 s
          ! nrt: visible_delay p99 is 640 ms, more than 500 ms

        nrt by stage            p50        p99
          event -> log          3.0 ms      20 ms  ░
          log -> read           5.0 ms     320 ms  ░░░░░░░░░░░░░░░░░░
          read -> applied       0.4 ms     2.0 ms
          applied -> visible  -
          ... 22 more below: arrow keys, page up and down

          22:14:10 + batch run of user_spend published, 1.3 s behind its cutoff
          22:14:18 ! serve+batch (http://10.0.0.2:6566) is silent: no answer within 700
        """)
  }

  @Test(arguments: [80, 100, 120, 40, 300], [24, 50, 8, 3, 1])
  func `fits`(width: Int, height: Int) {
    for scroll in [0, 5, 1000] {
      var options = MonitorScreen.Options()
      options.scroll = scroll
      for filter in [nil, "user"] {
        options.filterBeingWritten = filter
        let lines = MonitorScreen(width: width, height: height, hasColors: false).lines(full, options)
        #expect(lines.count <= height)
        #expect(lines.allSatisfy { $0.count < width })
      }
    }
  }

  @Test func `before anything is known there are dashes and no zeros`() {
    let snapshot = MonitorModel(MonitoredPipeline(name: "shop"), targets: ["http://h:1"], clock: ManualClock(0)).snapshot()
    let text = MonitorScreen(width: 80, height: nil, hasColors: false).lines(snapshot).joined(separator: "\n")
    #expect(
      text == """
        freshet monitor  shop  00:00:00  window 1 min
        - http://h:1
          http://h:1: not asked yet

          lane              latency  p99  age now  p99  error
          rt     - unknown        -    -        -    -  exact
          nrt    - unknown        -    -        -    -      -
          batch  - unknown        -    -        -    -      -
        """)
  }

  @Test func `colours are around what has a sign as well, and nothing from outside is a control`() throws {
    var snapshot = full
    snapshot.events.append(.init(at: 0, level: .bad, text: "something with \u{1b}[31m a colour\r\n of its own \u{9b}2J"))
    let plain = MonitorScreen(width: 120, height: nil, hasColors: false).lines(snapshot)
    #expect(plain.last == "  00:00:00 ! something with ?[31m a colour? of its own ?2J")
    let colored = MonitorScreen(width: 120, height: nil, hasColors: true).lines(snapshot)
    #expect(colored != plain)
    #expect(colored.map { Self.trimmed($0.replacing(/\u{1b}\[[0-9;]*m/, with: "")) } == plain)
  }

  private static func trimmed(_ line: String) -> String { String(line.reversed().drop { $0 == " " }.reversed()) }

  @Test func `scrolls through all there is, and no further`() {
    let screen = MonitorScreen(width: 80, height: 24, hasColors: false)
    var options = MonitorScreen.Options()
    var seen = Set<String>()
    let scrollMax = screen.view(full, options).scrollMax
    #expect(scrollMax > 0)
    for _ in 0...scrollMax {
      seen.formUnion(screen.lines(full, options))
      _ = options.press(.down, scrollMax: scrollMax)
    }
    #expect(options.scroll == scrollMax)
    let all = MonitorScreen(width: 80, height: nil, hasColors: false).lines(full)
    #expect(all.prefix(all.count - full.events.count).allSatisfy(seen.contains))
    _ = options.press(.pageUp, scrollMax: scrollMax)
    #expect(options.scroll == scrollMax - 10)
    // A larger window: what was scrolled is not lost at once, and one key goes on from what is seen.
    options.scroll = 500
    _ = options.press(.up, scrollMax: 3)
    #expect(options.scroll == 2)
    _ = options.press(.home, scrollMax: 3)
    #expect(options.scroll == 0)
  }

  @Test func `draws eight heights and gaps`() {
    #expect(MonitorScreen.sparkline([0, 1, nil, 4, 8]) == "▁▁ ▄█")
    #expect(MonitorScreen.sparkline([]) == "")
    #expect(MonitorScreen.sparkline([0, 0]) == "▁▁")
  }
}

@Suite struct `Keys of a monitor` {
  @Test(
    arguments: [
      (Array("qw".utf8), [.character(113), .character(119)]),
      ([27], [.escape]),
      (Array("\u{1b}[A\u{1b}[B\u{1b}OA".utf8), [.up, .down, .up]),
      (Array("\u{1b}[5~\u{1b}[6~\u{1b}[1~\u{1b}[H\u{1b}[4~\u{1b}OF".utf8), [.pageUp, .pageDown, .home, .home, .end, .end]),
      // Arrows to the sides, with shift, function keys and alt: nothing, and above all no letter of theirs.
      (Array("\u{1b}[C\u{1b}[1;2A\u{1b}[15~\u{1b}q\u{1b}[".utf8), [.up]),
    ] as [([UInt8], [MonitorKey])])
  func `are read from what a terminal sends`(bytes: [UInt8], keys: [MonitorKey]) { #expect(MonitorKey.all(in: bytes) == keys) }

  private func press(_ text: String, _ options: inout MonitorScreen.Options) -> [MonitorScreen.Options.Action] {
    MonitorKey.all(in: Array(text.utf8)).compactMap { options.press($0, scrollMax: 10) }
  }

  @Test func `ask for the end, a pause, another window`() {
    var options = MonitorScreen.Options()
    #expect(press("qp w\u{4}xyz", &options) == [.end, .pause, .pause, .window, .end])
    #expect(options == MonitorScreen.Options())
  }

  @Test func `filter views while they are written`() {
    var options = MonitorScreen.Options()
    #expect(press("/user_qpx", &options) == [])
    #expect(options.filterBeingWritten == "user_qpx")
    #expect(press("\u{7f}\u{7f}\u{7f}a\u{1b}[A", &options) == [])
    let screen = MonitorScreen(width: 80, height: nil, hasColors: false)
    #expect(screen.lines(full, options).filter { $0.hasPrefix("  user_") }.count == 2)
    #expect(screen.lines(full, options).last == "only views with: user_a_   (enter keeps it, escape ends it)")
    #expect(press("\r", &options) == [])
    #expect((options.filter, options.filterBeingWritten) == ("user_a", nil))
    #expect(screen.lines(full, options).contains("views, by name, with 'user_a'"))
    #expect(MonitorKey.all(in: [27]).compactMap { options.press($0, scrollMax: 0) } == [])
    #expect(options.filter == "")
  }

  @Test func `sort views and help`() {
    var options = MonitorScreen.Options()
    _ = press("s", &options)
    #expect(options.order == .lane)
    _ = press("sss", &options)
    #expect(options.order == .name)
    _ = press("?", &options)
    #expect(MonitorScreen(width: 80, height: 24, hasColors: false).lines(full, options).contains { $0.hasPrefix("q  end") })
  }
}
