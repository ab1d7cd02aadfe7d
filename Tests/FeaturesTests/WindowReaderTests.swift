// Windows as a pipeline states them: what each becomes, and the exact findings where one is wrong.

import Testing
import Windowing

@testable import Features

@Suite struct `Windows of a pipeline` {
  @Test(
    arguments: [
      ("{ tumbling: 10s }", .tumbling(size: 10_000), "tumbling 10s"),
      ("{ tumbling: 10s, offset: 2500ms }", .tumbling(size: 10_000, offset: 2500), "tumbling 10s offset 2500ms"),
      ("{ sliding: 5m, hop: 10s }", .sliding(size: 300_000, hop: 10_000), "sliding 5m hop 10s"),
      ("{ offset: 2s, hop: 10s, sliding: 5m }", .sliding(size: 300_000, hop: 10_000, offset: 2000), "sliding 5m hop 10s offset 2s"),
      ("{ cumulate: 1d, step: 1m }", .cumulating(max: 86_400_000, step: 60_000), "cumulate 1d step 1m"),
      (
        "{ cumulate: 1d, step: 1h, offset: 23h }", .cumulating(max: 86_400_000, step: 3_600_000, offset: 82_800_000),
        "cumulate 1d step 1h offset 23h"
      ),
      ("{ tumbling: 10s, offset: 0s }", .tumbling(size: 10_000), "tumbling 10s"),
      ("{ session: 30m }", .session(gap: 1_800_000), "session 30m"), ("none", .unbounded, "no window"),
    ] as [(String, WindowSpecification, String)])
  func `each kind is read, and told as it was stated`(_ text: String, _ window: WindowSpecification, _ stated: String) {
    let read = readPipeline(soundPipeline.replacingOccurrences(of: "{ tumbling: 1m }", with: text))
    #expect(read.findings == [])
    #expect(read.pipeline?.views[0].features[1].window == window)
    #expect(window.text == stated)
  }

  @Test(
    arguments: [
      (
        "{ cumulate: 1d, step: 7m }",
        "19:81: error[wrong-value]: 'window' of feature 'spend': 1d is no multiple of the step 7m, so its panes cannot be shared"
      ),
      (
        "{ cumulate: 1d, step: 1ms }",
        "19:81: error[wrong-value]: 'window' of feature 'spend': 86400000 steps in one window, at most 100000; a longer step costs less memory"
      ),
      (
        "{ cumulate: 1d }",
        "19:59: error[missing-field]: missing field 'step' in 'window' of feature 'spend'; a cumulating window grows by it, as in { cumulate: 1d, step: 1m }"
      ),
      (
        "{ step: 1m }",
        "19:59: error[missing-field]: missing field 'cumulate' in 'window' of feature 'spend'; 'step' belongs to it, as in { cumulate: 1d, step: 1m }"
      ),
      (
        "{ hop: 1m }",
        "19:59: error[missing-field]: missing field 'sliding' in 'window' of feature 'spend'; 'hop' belongs to it, as in { sliding: 5m, hop: 10s }"
      ),
      (
        "{ tumble: 10s }",
        "19:61: error[unknown-field]: unknown field 'tumble' in 'window' of feature 'spend'; did you mean 'tumbling'?"
      ),
      (
        "{ gap: 10s }", "19:61: error[unknown-field]: unknown field 'gap' in 'window' of feature 'spend'; did you mean 'session'?"
      ),
      (
        "{ sliding: 1h, slide: 1m }",
        "19:74: error[unknown-field]: unknown field 'slide' in 'window' of feature 'spend'; did you mean 'hop'?"
      ),
      (
        "{ offset: 1m }",
        "19:59: error[missing-field]: missing field 'tumbling' in 'window' of feature 'spend'; expected it, or 'sliding' with 'hop', 'cumulate' with 'step', or 'session'"
      ),
      (
        "{ cumulate: 1d, step: 1m, hop: 1m }",
        "19:85: error[wrong-value]: 'window' of feature 'spend': 'cumulate' and 'hop' do not go together"
      ),
      (
        "{ session: 1m, step: 1m }",
        "19:74: error[wrong-value]: 'window' of feature 'spend': 'session' and 'step' do not go together"
      ),
      (
        "{ session: 1m, tumbling: 1m }",
        "19:61: error[wrong-value]: 'window' of feature 'spend': 'tumbling' and 'session' do not go together"
      ),
      (
        "{ session: 1m, offset: 1s }",
        "19:74: error[wrong-value]: 'window' of feature 'spend': a session begins with its first record, so it has no offset, found '1s'"
      ),
      (
        "{ tumbling: 1m, offset: 60s }",
        "19:83: error[wrong-value]: 'offset' of 'window' of feature 'spend': expected less than the window, 1m, found '60s'; leave it out"
      ),
      (
        "{ sliding: 5m, hop: 1m, offset: 90s }",
        "19:91: error[wrong-value]: 'offset' of 'window' of feature 'spend': expected less than the hop, 1m, found '90s'; 30s gives the same windows"
      ),
      (
        "{ tumbling: 1m, offset: -1s }",
        "19:83: error[wrong-unit]: 'offset' of 'window' of feature 'spend': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '-1s'"
      ),
      (
        "{ tumbling: 100000001d }",
        "19:71: error[wrong-value]: 'tumbling' of 'window' of feature 'spend': expected at most 100000000d, found '100000001d'"
      ),
      (
        "{ session: 0s }",
        "19:70: error[wrong-value]: 'session' of 'window' of feature 'spend': expected a duration longer than 0, found '0s'"
      ),
      (
        "{ sesion: 30m }",
        "19:61: error[unknown-field]: unknown field 'sesion' in 'window' of feature 'spend'; did you mean 'session'?"
      ),
      (
        "{ tumbling: 1m, since: 1h }",
        "19:75: error[not-built]: 'since' in 'window' of feature 'spend' is part of the pipeline language but not built in this version"
      ),
    ])
  func `a window that is wrong is refused with the reason`(_ text: String, _ finding: String) {
    #expect(readPipeline(soundPipeline.replacingOccurrences(of: "{ tumbling: 1m }", with: text)).findings == [finding])
  }

  @Test func `with close a view has one window, offset included`() {
    let other = "also: { agg: count, window: { tumbling: 10s, offset: 1s } }\n      mean: {"
    #expect(
      readPipeline(soundPipeline.replacingOccurrences(of: "mean: {", with: other)).findings == [
        "26:35: error[wrong-value]: with 'trigger: close' all features of a view share one window, but 'seen' has tumbling 10s and 'also' has tumbling 10s offset 1s"
      ])
  }
}
