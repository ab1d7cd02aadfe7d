// Loads, incidents, faults and outputs that are not sound: each is the small sound schema with one text in it replaced, and its exact findings.

import Configuration
import Foundation
import Testing

@testable import Schema

@Suite struct BrokenWorldTests {
  @Test func `a key that only known sessions have is pointed out`() {
    let text =
      soundSchema.replacingOccurrences(of: "  arrival:", with: "  identity: { anonymous: 0.5, login: [buy] }\n  arrival:")
      .replacingOccurrences(of: "user: { from: user.id }", with: "user: { from: user.id, when: identified }")
    let diagnostics = Diagnostics(file: "s")
    _ = SchemaReader.read(text: text, diagnostics: diagnostics)
    #expect(
      diagnostics.all.map { String($0.description.dropFirst(2)) } == [
        "43:29: warning[null-key]: 'key' of 'output': 'user' of event 'viewed' may be null; such records have no key and go to any partition"
      ])
  }

  @Test(arguments: [
    Change("name: shop\n", "name: shop\nload: 0/s\n", "4:7: error[wrong-value]: 'load': expected a rate above 0, found '0/s'"),
    Change(
      "name: shop\n", "name: shop\nload: { rmp: { from: 1/s, to: 2/s, over: 1m } }\n",
      "4:9: error[unknown-field]: unknown field 'rmp' in 'load'; did you mean 'ramp'?"),
    Change(
      "name: shop\n", "name: shop\nload: { ramp: { from: 1/s, to: 2/s } }\n",
      "4:15: error[missing-field]: missing field 'over' in 'ramp' of 'load'"),
    Change(
      "name: shop\n", "name: shop\nload: { ramp: { from: 0/s, to: 0/s, over: 1m } }\n",
      "4:15: error[wrong-value]: 'ramp' of 'load': expected a rate above 0 at some time"),
    Change(
      "name: shop\n", "name: shop\nload: { step: { from: 1/s, by: 0.0001/s, every: 1s, to: 9k/s } }\n",
      "4:32: error[wrong-value]: 'by' of 'step' of 'load': expected a step that leads to 'to' in fewer than 10000 steps, found '0.0001/s'"
    ),
    Change(
      "name: shop\n", "name: shop\nload: { sine: { mean: 1/s, amplitude: 2/s, period: 1h } }\n",
      "4:39: error[wrong-value]: 'amplitude' of 'sine' of 'load': expected at most the mean, as no rate is below 0, found '2/s'"),
    Change(
      "name: shop\n", "name: shop\nload: { burst: { base: 1/s, peak: 2/s, every: 1s, for: 2s } }\n",
      "4:51: error[wrong-value]: 'for' of 'burst' of 'load': expected less than 'every'"),
    Change(
      "name: shop\n", "name: shop\nload: { spike: { base: 1/s, peak: 2/s, at: 5, for: 2s } }\n",
      "4:44: error[wrong-unit]: 'at' of 'spike' of 'load': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '5', which has no unit; did you mean '5s'?"
    ),
    Change(
      "name: shop\n", "name: shop\nload: { stages: [] }\n",
      "4:17: error[wrong-value]: 'stages' of 'load': expected a list of at least 1, found one of 0"),
    Change(
      "name: shop\n", "name: shop\nload: { stages: [ { rate: 1/s }, { rate: 2/s } ] }\n",
      "4:19: error[missing-field]: missing field 'for' in an item in 'stages' of 'load'"),
    Change(
      "name: shop\n", "name: shop\nload: { stages: [ { ramp: { from: 1/s, to: 2/s } } ] }\n",
      "4:19: error[missing-field]: missing field 'for' in an item in 'stages' of 'load': a ramp has an end"),
    Change(
      "name: shop\n", "name: shop\nload: { ramp: { from: 1/s, to: 2/s, over: 1m }, repeat: true }\n",
      "4:49: error[unknown-field]: 'repeat' in 'load' goes with stages, not with ramp"),
    Change(
      "name: shop\n", "name: shop\nload: { poisson: 1/s, ramp: { from: 1/s, to: 2/s, over: 1m } }\n",
      "4:7: error[wrong-value]: 'load': expected one of ramp, step, sine, burst, spike, poisson, stages, found ramp and poisson"),
  ])
  func `loads`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }

  @Test(arguments: [
    Change(
      "name: shop\n", "name: shop\nincidents: [ { flash: { at: 1m } } ]\n",
      "4:16: error[unknown-field]: unknown field 'flash' in an item in 'incidents'"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { flash_crowd: { at: 10, arrivals: 8 } } ]\n",
      "4:35: error[wrong-unit]: 'at' of 'flash_crowd': expected a duration from the start on, like 10m, or a time like 2026-01-01T00:00:00Z, found '10', which has no unit; did you mean '10s'?"
    ),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { flash_crowd: { at: 10m, arrivals: 0 } } ]\n",
      "4:50: error[wrong-value]: 'arrivals' of 'flash_crowd': expected a factor above 0, at most 10000, found '0'"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { flash_crowd: { at: 10m } } ]\n",
      "4:29: error[missing-field]: missing field 'arrivals' in 'flash_crowd'"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { bot_swarm: { at: 10m, arrivals: 5/s, think: 1s, actors: 20 } } ]\n",
      "4:72: error[wrong-value]: 'actors' of 'bot_swarm': expected a whole number from 1 to 5, found '20'"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { hot_product: { at: 10m, bind: i, share: 0.5, row: 1 } } ]\n",
      "4:46: error[unknown-reference]: 'bind' of 'hot_product': no state binds 'i'; did you mean 'it'?"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { hot_product: { at: 10m, bind: it, share: 0.5, row: 10 } } ]\n",
      "4:67: error[wrong-value]: 'row' of 'hot_product': expected a whole number from 0 to 9, found '10'"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { outage: { at: 10m, where: { user.id: x } } } ]\n",
      "4:44: error[wrong-value]: 'where' of 'outage': 'user.id' is made by neither 'choice' nor 'const', so its values are not known"
    ),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { outage: { at: 10m, where: { user.idd: x } } } ]\n",
      "4:44: error[unknown-reference]: 'where' of 'outage': no field 'idd' in entity 'user'; did you mean 'id'?"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { outage: { at: 10m, where: { item.id: x } } } ]\n",
      "4:44: error[unknown-reference]: 'where' of 'outage': 'item.id' is no field of the actor"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { outage: { at: 10m, where: {} } } ]\n",
      "4:42: error[wrong-value]: 'where' of 'outage': expected one field of the actor and its value, as in { user.country: DE }, found 0"
    ),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { schema_change: { at: 10m } } ]\n",
      "4:31: error[missing-field]: 'schema_change' changes nothing; expected 'add', 'remove' or 'rename'"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { schema_change: { at: 10m, events: [viewd], remove: [at] } } ]\n",
      "4:51: error[unknown-reference]: an item in 'events' of 'schema_change': no event 'viewd'; did you mean 'viewed'?"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { schema_change: { at: 10m, remove: [user] } } ]\n",
      "4:51: error[wrong-value]: 'schema_change': 'user' holds the key of event 'viewed', which has to stay",
      "4:51: error[wrong-value]: 'schema_change': 'user' holds the key of event 'bought', which has to stay"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { schema_change: { at: 10m, events: [viewed], remove: [data.itm] } } ]\n",
      "4:69: error[unknown-reference]: 'schema_change': event 'viewed' has no field 'data.itm'; did you mean 'data.item'?"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { schema_change: { at: 10m, events: [viewed], rename: { at: user } } } ]\n",
      "4:70: error[wrong-value]: 'schema_change': event 'viewed' has a field 'user' already"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { schema_change: { at: 10m, events: [viewed], add: { at: { const: 1 } } } } ]\n",
      "4:67: error[wrong-value]: 'schema_change': event 'viewed' has a field 'at' already, or no object to add it to"),
    Change(
      "name: shop\n",
      "name: shop\nincidents: [ { schema_change: { at: 10m, events: [viewed], add: { meta.x: { const: 1 } } } } ]\n",
      "4:67: error[unknown-reference]: 'schema_change': event 'viewed' has no field 'meta'"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { schema_change: { at: 10m, events: [_base], remove: [at] } } ]\n",
      "4:51: error[unknown-reference]: an item in 'events' of 'schema_change': '_base' is only a base"),
    Change(
      "name: shop\n", "name: shop\nincidents: { flash_crowd: 1 }\n",
      "4:12: error[wrong-type]: 'incidents': expected a list, found a mapping"),
    Change(
      "name: shop\n", "name: shop\nincidents: [ { flash_crowd: { at: 10m, arrivals: 2 }, outage: { at: 1m } } ]\n",
      "4:14: error[wrong-value]: an item in 'incidents': expected one of flash_crowd, bot_swarm, hot_product, outage, schema_change, found a mapping of flash_crowd and outage"
    ),
  ])
  func `incidents`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }

  @Test(arguments: [
    Change(
      "name: shop\n", "name: shop\nfaults: { lat: { rate: 0.1 } }\n",
      "4:11: error[unknown-field]: unknown field 'lat' in 'faults'; did you mean 'late'?"),
    Change(
      "name: shop\n", "name: shop\nfaults: { late: { rate: 0.1 } }\n",
      "4:17: error[missing-field]: missing field 'delay' in 'late' of 'faults'"),
    Change(
      "name: shop\n", "name: shop\nfaults: { late: { rate: 2, delay: 3s } }\n",
      "4:25: error[wrong-value]: 'rate' of 'late' of 'faults': expected a number from 0 to 1, found '2'"),
    Change(
      "name: shop\n", "name: shop\nfaults: { late: { rate: 0.1, delay: { exponential: 3 } } }\n",
      "4:52: error[wrong-unit]: 'exponential' of 'delay' of 'late' of 'faults': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '3', which has no unit; did you mean '3s'?"
    ),
    Change(
      "name: shop\n", "name: shop\nfaults: { reorder: { rate: 0.1 } }\n",
      "4:20: error[missing-field]: missing field 'within' in 'reorder' of 'faults'"),
    Change(
      "name: shop\n", "name: shop\nfaults: { skew: { rate: 0.1, offset: 3 } }\n",
      "4:38: error[wrong-unit]: 'offset' of 'skew' of 'faults': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '3', which has no unit; did you mean '3s'?"
    ),
    Change(
      "name: shop\n", "name: shop\nfaults: { missing: { rate: 0.1, fields: [data.itme] } }\n",
      "4:42: error[unknown-reference]: an item in 'fields' of 'missing' of 'faults': no event has a field 'data.itme'; did you mean 'data.item'?"
    ),
    Change(
      "name: shop\n", "name: shop\nfaults: { missing: { rate: 0.1, fields: [user] } }\n",
      "4:42: error[wrong-value]: an item in 'fields' of 'missing' of 'faults': 'user' holds the key of a record, which has to stay as it is"
    ),
  ])
  func `faults`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }

  @Test(arguments: [
    Change(
      "key: user }", "key: user, headers: { freshet-x: 1 } }",
      "42:46: error[wrong-value]: the name of a header: names that begin with 'freshet-' are taken, found 'freshet-x'"),
    Change(
      "key: user }", "key: user, headers: { a: [1] } }",
      "42:49: error[wrong-type]: 'a' of 'headers' of 'output': expected a text, found a list"),
    Change(
      "key: user }", "key: user, schema_registry: localhost }",
      "42:35: warning[unused]: 'schema_registry' of 'output': records in json have no schema to register; it goes with avro",
      "42:52: error[wrong-value]: 'schema_registry' of 'output': expected a URL like http://localhost:8081, found 'localhost'"),
    Change(
      "key: user }", "key: user, schema_registry: \"http://localhost:8081\" }",
      "42:35: warning[unused]: 'schema_registry' of 'output': records in json have no schema to register; it goes with avro"),
    Change(
      "key: user }", "key: user, partitions: 0 }",
      "42:47: error[wrong-value]: 'partitions' of 'output': expected a whole number from 1 to 10000, found '0'"),
    Change("key: user }", "key: user, compression: zstd }", "42:35: error[unknown-field]: unknown field 'compression' in 'output'"),
    Change(
      "user: { from: user.id }", "user: { from: user.id, optional: 0.1 }",
      "42:29: error[wrong-value]: 'key' of 'output': 'user' of event 'viewed' may be left out, and every record needs a key"),
    Change(
      "user: { from: user.id }", "user: { from: user.id, nullable: 0.1 }",
      "42:29: warning[null-key]: 'key' of 'output': 'user' of event 'viewed' may be null; such records have no key and go to any partition"
    ),
    Change(
      "user: { from: user.id }", "user: { from: user.id, when: identified }",
      "33:36: warning[no-effect]: 'when' of field 'user' of event '_base': every session is identified, as 'sessions' has no 'identity'"
    ),
    Change(
      "user: { from: user.id }\n", "user: { from: user.id, when: human }\n",
      "33:36: warning[no-effect]: 'when' of field 'user' of event '_base': every session is human, as 'sessions' has no 'bots'"),
    Change(
      "user: { from: user.id }", "user: { const: null }",
      "42:29: error[wrong-type]: 'key' of 'output': 'user' of event 'viewed' is not always a text or an integer, as a key has to be"
    ),
  ])
  func `outputs and keys`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }
}
