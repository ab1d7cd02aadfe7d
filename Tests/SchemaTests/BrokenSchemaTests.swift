// Broken schemas: each is the same small sound schema with one text in it replaced, and the exact findings that this leads to.

import Base
import Configuration
import Foundation
import Testing

@testable import Schema

/// A small sound schema.
let soundSchema = """
  version: 1
  kind: events
  name: shop
  entities:
    item:
      count: 10
      key: id
      fields:
        id: { sequence: "i{n:03}" }
        price: { lognormal: { median: 5, sigma: 0.5 }, decimals: 2 }
    user:
      count: 5
      key: id
      fields:
        id: { uuid: v4 }
        likes: { ref: item.price }
  sessions:
    actor: { ref: user, pick: uniform }
    arrival: { poisson: 10/s }
    states:
      look:
        emit: viewed
        bind: { it: { ref: item, pick: zipf } }
        next: { buy: 1, exit: 2 }
      buy:
        emit: bought
        think: 3s
        next: { exit: 1 }
    initial: { look: 1 }
  events:
    _base:
      fields:
        user: { from: user.id }
        at: { time: event }
        data: { object: { kind: { const: x } } }
    viewed:
      extends: _base
      fields: { data: { object: { item: { from: it.id } } } }
    bought:
      extends: viewed
      fields: { amount: { int: [1, 3] } }
  output: { topic: shop, key: user }
  """

/// The findings about the sound schema with `change.0` replaced by `change.1`.
func schemaFindings(_ old: String, _ new: String) -> [String] {
  precondition(soundSchema.contains(old), "the sound schema holds no '\(old)'")
  let text = old.isEmpty ? soundSchema : soundSchema.replacingOccurrences(of: old, with: new)
  let diagnostics = Diagnostics(file: "s")
  let directory = "\(packageDirectory)/Tests/SchemaTests/Schemas"
  let schema = SchemaReader.read(
    text: text, directory: directory, loader: ConfigurationLoader(environment: [:]), diagnostics: diagnostics)
  #expect((schema == nil) == diagnostics.hasErrors)
  return diagnostics.all.map { String($0.description.dropFirst(2)).replacingOccurrences(of: directory + "/", with: "") }
}

struct Change: CustomTestStringConvertible, Sendable {
  var old: String
  var new: String
  var findings: [String]

  init(_ old: String, _ new: String, _ findings: String...) {
    self.old = old
    self.new = new
    self.findings = findings
  }

  /// A field in place of the amount that is bought.
  init(field: String, _ findings: String...) {
    old = "fields: { amount: { int: [1, 3] } }"
    new = "fields: { amount: \(field) }"
    self.findings = findings
  }

  var testDescription: String { new.isEmpty ? "without \(old)" : new }
}

@Suite struct BrokenSchemaTests {
  @Test func `the small schema is sound`() {
    #expect(schemaFindings("name: shop", "name: shop") == [])
  }

  @Test(arguments: [
    Change(
      "kind: events", "kind: event",
      "2:7: error[wrong-value]: 'kind': expected events or stream, found 'event'; did you mean 'events'?"),
    Change(
      "kind: events", "kind: stream",
      "2:7: error[wrong-value]: 'kind': a file with sessions is of another kind; did you mean 'events'?"),
    Change("version: 1", "version: 2", "1:10: error[wrong-value]: 'version': expected 1, found '2'"),
    Change("name: shop\n", "", "1:1: error[missing-field]: missing field 'name'"),
    Change(
      "name: shop\n", "name: shop\nfaults: { drop: { rate: 0.1/s } }\n",
      "4:25: error[wrong-value]: 'rate' of 'drop' of 'faults': expected a share of the records from 0 to 1, found '0.1/s', which is a rate"
    ),
    Change(
      "name: shop\n", "name: shop\nclock: { start: tomorrow, mode: real }\n",
      "4:17: error[wrong-unit]: 'start' of 'clock': expected a time like 2026-01-01T00:00:00Z, or milliseconds since 1970, found 'tomorrow'",
      "4:33: error[wrong-value]: 'mode' of 'clock': expected realtime or simulated, found 'real'"),
    Change("output:", "outptu:", "42:1: error[unknown-field]: unknown field 'outptu'; did you mean 'output'?"),
    Change(
      "key: user }", "key: usr }",
      "42:29: error[unknown-reference]: 'key' of 'output': event 'viewed' and 1 more have no field 'usr', and every event needs a key; did you mean 'user'?"
    ),
    Change(
      "key: user }", "key: data }",
      "42:29: error[wrong-type]: 'key' of 'output': 'data' of event 'viewed' is not always a text or an integer, as a key has to be"
    ),
    Change(
      "key: user }", "format: avor }",
      "42:32: error[wrong-value]: 'format' of 'output': expected json, csv, avro or cloudevents, found 'avor'; did you mean 'avro'?"
    ),
    Change(
      "topic: shop", "topic: a b",
      "42:18: error[wrong-value]: 'topic' of 'output': expected letters, digits, '_', '-' and '.', found 'a b'"),
  ])
  func `the document`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }

  @Test(arguments: [
    (
      "kind: events\nname: a\nstreams: { s: { rate: 1/s, fields: { a: { const: 1 } } } }",
      ["1:7: error[wrong-value]: 'kind': a file with streams and no sessions is of another kind; did you mean 'stream'?"]
    ),
    (
      "kind: stream\nname: a",
      [
        "1:1: error[missing-field]: missing field 'rate'; expected 'rate' or 'load'",
        "1:1: error[missing-field]: missing field 'fields'",
      ]
    ),
    (
      "kind: stream\nname: a\nstreams: { s: { rate: 1/s, fields: { a: { const: 1 } } } }\nsessions: {}",
      [
        "4:1: error[wrong-value]: 'sessions' goes with sessions, which a file of kind 'stream' has not; in one of kind 'events' streams are possible too"
      ]
    ),
    (
      "kind: stream\nname: a\nstreams: { s: { rate: 1/s, fields: { a: { const: 1 } } } }\nload: 5/s\noutput: { topic: x }",
      [
        "4:1: error[wrong-value]: 'load': each stream has its own; say it there",
        "5:11: error[wrong-value]: 'topic' of 'output': each stream has its own; say it there",
      ]
    ),
    (
      "kind: stream\nname: a\nrate: 1/s\nkey: b\nfields: { a: { const: 1 } }\noutput: { key: a }",
      [
        "4:1: error[wrong-value]: 'key' is given here and in 'output'; say it once",
        "4:6: error[unknown-reference]: 'key': stream 'a' has no field 'b', and every record needs a key",
      ]
    ),
    (
      "kind: stream\nname: a\nrate: 1/s\ntopic: t\nfields: { a: { const: 1 } }",
      ["4:1: error[unknown-field]: unknown field 'topic'; it belongs into 'output'"]
    ),
    (
      "kind: stream\nname: a\nrate: 1/s\nfields: { a: { const: 1 } }\nincidents: [ { flash_crowd: { at: 0s, arrivals: 2 } } ]",
      ["5:16: error[wrong-value]: 'flash_crowd' happens to sessions, which this file has not"]
    ),
  ])
  func `files of streams`(_ text: String, _ findings: [String]) {
    let diagnostics = Diagnostics(file: "s")
    let schema = SchemaReader.read(text: text, diagnostics: diagnostics)
    #expect(schema == nil)
    #expect(diagnostics.all.map { String($0.description.dropFirst(2)) } == findings)
  }

  @Test(arguments: [
    Change(
      "count: 10\n", "count: 0\n",
      "6:12: error[wrong-value]: 'count' of entity 'item': expected a whole number from 1 to 1000000000, found '0'"),
    Change(
      "count: 10\n", "count: 1e3\n", "6:12: error[wrong-type]: 'count' of entity 'item': expected a whole number, found '1e3'"),
    Change("    count: 5\n", "", "12:5: error[missing-field]: missing field 'count' in entity 'user'"),
    Change(
      "key: id\n    fields:\n      id: { uuid", "key: di\n    fields:\n      id: { uuid",
      "13:10: error[unknown-reference]: 'key' of entity 'user': no field 'di' in entity 'user'; did you mean 'id'?"),
    Change(
      "id: { uuid: v4 }", "id: { choice: [a, b] }",
      "13:10: error[wrong-value]: 'key' of entity 'user': 'id' may repeat; a key has to be different in every row: uuid or sequence"
    ),
    Change(
      "uuid: v4", "uuid: v5",
      "15:19: error[wrong-value]: 'uuid' of field 'id' of entity 'user': expected v4 or v7, found 'v5'; did you mean 'v4'?"),
    Change(
      "uuid: v4", "uuid: v7",
      "15:19: error[wrong-value]: 'uuid' of field 'id' of entity 'user': v7 holds the time of an event, which the rows of an entity do not have; use v4"
    ),
    Change(
      "i{n:03}", "i{n:3}",
      "9:23: error[wrong-value]: 'sequence' of field 'id' of entity 'item': expected {n}, or {n:06} for at least 6 digits, found 'i{n:3}'"
    ),
    Change(
      "i{n:03}", "item",
      "9:23: error[wrong-value]: 'sequence' of field 'id' of entity 'item': expected a text with one {n} or {n:06}, or number, found 'item'"
    ),
    Change(
      "median: 5", "median: 5s",
      "10:37: error[wrong-type]: 'median' of 'lognormal' of field 'price' of entity 'item': expected a number above 0, found '5s'"),
    Change(
      "sigma: 0.5", "sgima: 0.5",
      "10:40: error[unknown-field]: unknown field 'sgima' in 'lognormal' of field 'price' of entity 'item'; did you mean 'sigma'?"),
    Change(
      "decimals: 2", "clamp: [9, 1]",
      "10:62: error[wrong-value]: 'clamp' of field 'price' of entity 'item': the lower bound 9 is above the upper bound 1"),
    Change(
      "ref: item.price", "ref: itm.price",
      "16:21: error[unknown-reference]: 'ref' of field 'likes' of entity 'user': no entity 'itm'; did you mean 'item'?"),
    Change(
      "ref: item.price", "ref: item.prize",
      "16:21: error[unknown-reference]: 'ref' of field 'likes' of entity 'user': no field 'prize' in entity 'item'; did you mean 'price'?"
    ),
    Change(
      "ref: item.price", "ref: user.likes",
      "16:7: error[cycle]: references run in a circle: user.likes -> user.likes"),
    Change(
      "likes: { ref: item.price }", "likes: { optional: 0.5, const: a }",
      "16:16: error[wrong-value]: 'optional' of field 'likes' of entity 'user': every row of an entity has all its fields; write 'nullable' for one without a value"
    ),
    Change(
      "likes: { ref: item.price }", "likes: { time: event }",
      "16:16: error[wrong-value]: 'time' of field 'likes' of entity 'user': the rows of an entity have no time of their own; use { between: [A, B] }"
    ),
    Change(
      "likes: { ref: item.price }", "likes: yes",
      "16:14: error[wrong-type]: field 'likes' of entity 'user': expected a generator such as { const: EUR } or { choice: [a, b] }, found 'yes'; did you mean '{ const: yes }'?"
    ),
    Change(
      "likes: { ref: item.price }", "likes: {}",
      "16:14: error[missing-field]: field 'likes' of entity 'user' has no generator; expected one of const, choice, int, float, decimal, bool, pattern, template, sequence, uuid, time, object, array, list, map, one_of, from, ref, fake, ip, geo, text, uniform, normal, lognormal, exponential, pareto, poisson, zipf, histogram, mixture"
    ),
    Change(
      "likes: { ref: item.price }", "likes: { chioce: [a] }",
      "16:16: error[unknown-field]: unknown field 'chioce' in field 'likes' of entity 'user'; did you mean 'choice'?"),
    Change(
      "likes: { ref: item.price }", "likes: { type: uuid }",
      "16:16: error[unknown-field]: unknown field 'type' in field 'likes' of entity 'user'; the generator's name stands in its place, as in { int: [1, 9] } or { fake: email }"
    ),
    Change(
      "likes: { ref: item.price }", "likes: { regex: a }",
      "16:16: error[unknown-field]: unknown field 'regex' in field 'likes' of entity 'user'; did you mean 'pattern'?"),
    Change(
      "likes: { ref: item.price }", "likes: { const: a, int: [1, 2] }",
      "16:26: error[wrong-value]: field 'likes' of entity 'user' has 2 generators, 'const' and 'int'; expected one"),
    Change(
      "likes: { ref: item.price }", "likes: { choice: [DE, NO] }",
      "16:29: warning[yaml-trap]: an item in 'choice' of field 'likes' of entity 'user': 'NO' is a text here, but older YAML readers take it for a boolean; quote it to say what is meant: \"NO\""
    ),
    Change(
      "likes: { ref: item.price }", "likes: { choice: [a, b], weights: [1] }",
      "16:41: error[wrong-value]: 'weights' of field 'likes' of entity 'user': expected 2 weights, as many as 'choice' has values, found 1"
    ),
    Change(
      "likes: { ref: item.price }", "likes: { choice: [a, b], weights: [0, 0] }",
      "16:41: error[wrong-value]: 'weights' of field 'likes' of entity 'user': all weights are 0"),
    Change(
      "likes: { ref: item.price }", "likes: { choice: [a, b], weights: [1, -1] }",
      "16:45: error[wrong-value]: an item in 'weights' of field 'likes' of entity 'user': expected a weight of at least 0, found '-1'"
    ),
    Change(
      "likes: { ref: item.price }", "likes: { choice: [a, b], weights: [1, 1e308] }",
      "16:45: error[wrong-value]: an item in 'weights' of field 'likes' of entity 'user': expected 0, or a number from 1e-12 to 1e12, found '1e308'"
    ),
    Change(
      "likes: { ref: item.price }", "likes: { choice: [] }",
      "16:24: error[wrong-value]: 'choice' of field 'likes' of entity 'user': expected a list of at least 1, found one of 0"),
    Change(
      "likes: { ref: item.price }", "likes: { choice: { file: no.txt } }",
      "16:32: error[missing-file]: 'file' of 'choice' of field 'likes' of entity 'user': no.txt: no such file"),
    Change(
      "likes: { ref: item.price }", "likes: { int: [3, 1] }",
      "16:22: error[wrong-value]: 'int' of field 'likes' of entity 'user': the lower bound 3 is above the upper bound 1; did you mean [1, 3]?"
    ),
    Change(
      "likes: { ref: item.price }", "likes: { int: [1, 3], decimals: 1 }",
      "16:29: error[unknown-field]: 'decimals' in field 'likes' of entity 'user' goes with float, decimal, uniform, normal, lognormal, exponential, pareto, poisson, zipf, histogram or mixture, not with int"
    ),
  ])
  func `entities and generators`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }

  @Test(arguments: [
    Change(
      "ref: user,", "ref: usr,",
      "18:17: error[unknown-reference]: 'ref' of 'actor' of 'sessions': no entity 'usr'; did you mean 'user'?"),
    Change(
      "ref: user,", "ref: user.id,",
      "18:17: error[unknown-reference]: 'ref' of 'actor' of 'sessions': expected a whole entity, found 'user.id'; did you mean 'user'?"
    ),
    Change(
      "pick: uniform", "pick: { zipf: 0 }",
      "18:37: error[wrong-value]: 'zipf' of 'pick' of 'actor' of 'sessions': expected an exponent above 0, at most 10, found '0'"),
    Change(
      "pick: uniform", "pick: unifrom",
      "18:29: error[wrong-value]: 'pick' of 'actor' of 'sessions': expected uniform or zipf, found 'unifrom'; did you mean 'uniform'?"
    ),
    Change(
      "poisson: 10/s", "poisson: 10",
      "19:23: error[wrong-unit]: 'poisson' of 'arrival' of 'sessions': expected a rate like 200/s, 5k/s, 1.5M/s or 90/m, found '10', which has no unit; did you mean '10/s'?"
    ),
    Change(
      "poisson: 10/s", "poisson: 10/s, profile: { period: 1h, points: { \"00:30\": 1, \"00:10\": 2, 1h: 3 } }",
      "19:74: error[wrong-value]: a point of 'profile' of 'arrival' of 'sessions': '00:10' does not lie after the one before it",
      "19:86: error[wrong-value]: a point of 'profile' of 'arrival' of 'sessions': '1h' lies outside the period"),
    Change(
      "poisson: 10/s", "poisson: 10/s, profile: { period: 1h, points: { 30m: 0 } }",
      "19:60: error[wrong-value]: 'points' of 'profile' of 'arrival' of 'sessions': expected at least one point with a factor above 0"
    ),
    Change(
      "initial: { look: 1 }", "initial: { lok: 1 }",
      "29:14: error[unknown-reference]: 'initial' of 'sessions': no state 'lok'; did you mean 'look'?"),
    Change(
      "initial: { look: 1 }", "initial: { exit: 1 }",
      "29:14: error[unknown-reference]: 'initial' of 'sessions': a session cannot begin with 'exit'"),
    Change("initial: { look: 1 }", "initial: { look: 0 }", "29:12: error[wrong-value]: 'initial' of 'sessions': all weights are 0"),
    Change(
      "next: { exit: 1 }", "next: { exti: 1 }",
      "28:15: error[unknown-reference]: 'next' of state 'buy': no state 'exti'; did you mean 'exit'?"),
    Change(
      "next: { exit: 1 }", "next: { buy: 1 }",
      "25:5: error[endless]: no way leads from state 'buy' to 'exit', so its sessions never end"),
    Change(
      "next: { buy: 1, exit: 2 }", "next: { buy: 0, exit: 2 }", "25:5: warning[unreachable]: no session ever reaches state 'buy'"),
    Change(
      "next: { buy: 1, exit: 2 }", "next: { buy: x, exit: 2 }",
      "24:20: error[wrong-type]: 'buy' of 'next' of state 'look': expected a weight of at least 0, found 'x'"),
    Change(
      "think: 3s", "think: 3",
      "27:14: error[wrong-unit]: 'think' of state 'buy': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '3', which has no unit; did you mean '3s'?"
    ),
    Change(
      "think: 3s", "think: { lognormal: { median: 3, sigma: 0.5 } }",
      "27:37: error[wrong-unit]: 'median' of 'lognormal' of 'think' of state 'buy': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '3', which has no unit; did you mean '3s'?"
    ),
    Change(
      "emit: bought", "emit: boght",
      "26:13: error[unknown-reference]: 'emit' of state 'buy': no event 'boght'; did you mean 'bought'?"),
    Change(
      "emit: bought", "emit: _base",
      "26:13: error[wrong-value]: 'emit' of state 'buy': '_base' is only a base, as its name begins with '_'"),
    Change(
      "initial: { look: 1 }", "initial: { look: 1, buy: 1 }",
      "26:13: error[unbound]: state 'buy' emits 'bought', which reads 'it.id', but a session may begin with it before any state binds 'it'"
    ),
    Change(
      "      bind: { it: { ref: item, pick: zipf } }\n", "",
      "37:47: error[unknown-reference]: 'from' of field 'item' of event 'viewed': 'it' is neither the actor, nor 'session', nor bound by a state"
    ),
    Change(
      "bind: { it: {", "bind: { user: {",
      "23:15: error[wrong-value]: 'user' always means the actor and cannot be bound",
      "38:47: error[unknown-reference]: 'from' of field 'item' of event 'viewed': 'it' is neither the actor, nor 'session', nor bound by a state"
    ),
  ])
  func `sessions`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }

  @Test(arguments: [
    Change(
      "from: user.id", "from: usr.id",
      "33:21: error[unknown-reference]: 'from' of field 'user' of event '_base': 'usr' is neither the actor, nor 'session', nor bound by a state; did you mean 'user'?"
    ),
    Change(
      "from: user.id", "from: user.di",
      "33:21: error[unknown-reference]: 'from' of field 'user' of event '_base': no field 'di' in entity 'user'; did you mean 'id'?"
    ),
    Change(
      "from: user.id", "from: session.id",
      "33:21: error[unknown-reference]: 'from' of field 'user' of event '_base': a session has the fields session_id, is_bot, is_identified, step, started_at and no 'id'"
    ),
    Change(
      "from: user.id", "from: user",
      "33:21: error[wrong-value]: 'from' of field 'user' of event '_base': expected a path of two names, as in user.country, found 'user'"
    ),
    Change(
      "from: user.id", "ref: user.id",
      "33:15: error[wrong-value]: 'ref' of field 'user' of event '_base': an event reads a row that a state binds, or its actor; write { from: ... } instead of { ref: ... }"
    ),
    Change(
      "from: it.id", "from: it.di",
      "38:47: error[unknown-reference]: 'from' of field 'item' of event 'viewed': no field 'di' in entity 'item', which 'it' is bound to; did you mean 'id'?"
    ),
    Change(
      "time: event", "time: evnt",
      "34:19: error[wrong-value]: 'time' of field 'at' of event '_base': expected event or sent, found 'evnt'; did you mean 'event'?"
    ),
    Change(
      "time: event", "time: event, format: iso",
      "34:34: error[wrong-value]: 'format' of field 'at' of event '_base': expected rfc3339_ms, rfc3339, epoch_ms, epoch_s or epoch_us, found 'iso'; or a pattern such as \"%Y-%m-%d %H:%M:%S\""
    ),
    Change(
      "fields: { amount: { int: [1, 3] } }", "fields: { amount: { int: [1, 3] } }\n  left: { extends: _base }",
      "42:3: warning[unused]: no state emits event 'left'; a name that begins with '_' marks a base"),
    Change(
      "extends: viewed", "extends: vewed",
      "40:14: error[unknown-reference]: 'extends' of event 'bought': no event 'vewed'; did you mean 'viewed'?"),
    Change(
      "extends: _base", "extends: bought",
      "37:14: error[cycle]: event 'viewed' extends itself: viewed -> bought -> viewed",
      "40:14: error[cycle]: event 'bought' extends itself: bought -> viewed -> bought"
    ),
    Change(
      "fields: { amount: { int: [1, 3] } }", "fields: { a.b: { int: [1, 3] } }",
      "41:15: error[wrong-value]: the name of a field: 'a.b' holds a dot, which separates the names of nested fields; use object"),
    Change(
      "fields: { amount: { int: [1, 3] } }", "fields: { amount: { int: [1, 3] }, amount: { const: 1 } }",
      "41:40: error[duplicate-key]: duplicate key 'amount'; it stands first on line 41"),
  ])
  func `events`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }
}
