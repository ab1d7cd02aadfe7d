// Entities, sessions and streams that are not sound: each is the small sound schema with one text in it replaced, and its exact findings.

import Testing

@testable import Schema

@Suite struct BrokenStreamTests {
  @Test(arguments: [
    Change(
      "    count: 5\n", "    of: itm\n    count: [1, 2]\n",
      "12:9: error[unknown-reference]: 'of' of entity 'user': no entity 'itm'; did you mean 'item'?"),
    Change(
      "    count: 5\n", "    of: user\n    count: [1, 2]\n",
      "12:9: error[wrong-value]: 'of' of entity 'user': 'user' has an owner itself; one level is possible"),
    Change(
      "    count: 5\n", "    of: item\n    count: [2, 1]\n",
      "13:13: error[wrong-value]: 'count' of entity 'user': the lower bound 2 is above the upper bound 1; did you mean [1, 2]?"),
    Change(
      "    count: 5\n", "    of: item\n    count: [1, 3]\n",
      "19:17: error[wrong-value]: 'ref' of 'actor' of 'sessions': not every 'item' has as many rows of 'user', so none can be drawn from all; give it a fixed 'count', or use it as the sessions' device"
    ),
    Change(
      "    count: 5\n", "    count: 5\n    growth: { initial: 9, per_day: 1 }\n",
      "13:24: error[wrong-value]: 'initial' of 'growth' of entity 'user': expected a whole number from 1 to 5, found '9'"),
    Change(
      "    count: 5\n", "    count: 5\n    churn: { lifetime: 90 }\n",
      "13:24: error[wrong-unit]: 'lifetime' of 'churn' of entity 'user': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '90', which has no unit; did you mean '90s'?"
    ),
    Change(
      "    count: 10\n", "    of: user\n    count: 2\n    churn: { lifetime: 90d }\n",
      "8:5: error[wrong-value]: 'churn' of entity 'item': rows with an owner come and go with it"),
    Change(
      "likes: { ref: item.price }", "likes: { template: \"{x}\", with: { x: { ref: user.likes } } }",
      "16:7: error[cycle]: references run in a circle: user.likes -> user.likes"),
    Change(
      "likes: { ref: item.price }", "likes: { from: item.price }",
      "16:22: error[wrong-value]: 'from' of field 'likes' of entity 'user': the rows of an entity are bound to nothing, so 'item.price' cannot be read here; { ref: ... } draws a row of another entity"
    ),
    Change(
      "id: { uuid: v4 }", "id: { uuid: v4, nullable: 0.1 }",
      "13:10: error[wrong-value]: 'key' of entity 'user': 'id' may be null; a key names every row",
      "42:29: warning[null-key]: 'key' of 'output': 'user' of event 'viewed' may be null; such records have no key and go to any partition"
    ),
    Change(
      "id: { uuid: v4 }", "id: { sequence: number, restart: 3 }",
      "13:10: error[wrong-value]: 'key' of entity 'user': 'id' repeats, as it has 'restart'; a key has to be different in every row"
    ),
    Change(
      "  user:\n    count", "  spare: { count: 1, key: id, fields: { id: { uuid: v4 } } }\n  user:\n    count",
      "11:3: warning[unused]: nothing refers to entity 'spare'"),
  ])
  func `entities`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }

  @Test(arguments: [
    Change(
      "pick: uniform", "pick: { zipf: 1.1, drift: 6 }",
      "18:49: error[wrong-unit]: 'drift' of 'pick' of 'actor' of 'sessions': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '6', which has no unit; did you mean '6s'?"
    ),
    Change(
      "pick: uniform", "pick: { weights: [1, 1, 1, 1, 1, 1] }",
      "18:29: error[wrong-value]: 'pick' of 'actor' of 'sessions': 6 weights, but 'user' has 5 rows"),
    Change(
      "pick: uniform", "pick: { weights: [0] }",
      "18:40: error[wrong-value]: 'weights' of 'pick' of 'actor' of 'sessions': all weights are 0"),
    Change(
      "arrival: { poisson: 10/s }", "arrival: 10/s",
      "19:12: error[wrong-type]: 'arrival' of 'sessions': expected a mapping, found '10/s'; did you mean '{ poisson: 10/s }'?"),
    Change(
      "arrival: { poisson: 10/s }", "arrival: { poisson: 10/s, weekdays: { saturday: 2 } }",
      "19:41: error[unknown-field]: unknown field 'saturday' in 'weekdays' of 'arrival' of 'sessions'; did you mean 'sat'?"),
    Change(
      "arrival: { poisson: 10/s }", "arrival: { poisson: 10/s, weekdays: { mon: -1 } }",
      "19:46: error[wrong-value]: 'mon' of 'weekdays' of 'arrival' of 'sessions': expected a factor of at least 0, found '-1'"),
    Change(
      "arrival: { poisson: 10/s }", "arrival: { poisson: 2000M/s }",
      "19:23: error[wrong-value]: 'poisson' of 'arrival' of 'sessions': expected a rate from 0.000001/s to 1000M/s, found '2000M/s'"
    ),
    Change("  arrival: { poisson: 10/s }\n", "", "18:3: error[missing-field]: missing field 'arrival' in 'sessions'"),
    Change(
      "arrival: { poisson: 10/s }", "arrival: { poisson: 10/s }\n  device: { ref: item }",
      "20:18: error[wrong-value]: 'ref' of 'device' of 'sessions': 'item' does not belong to the actor; say 'of: user' in the entity"
    ),
    Change(
      "arrival: { poisson: 10/s }", "arrival: { poisson: 10/s }\n  identity: { anonymous: 0.5, login: [by] }",
      "20:39: error[unknown-reference]: an item in 'login' of 'identity' of 'sessions': no state 'by'; did you mean 'buy'?"),
    Change(
      "arrival: { poisson: 10/s }", "arrival: { poisson: 10/s }\n  bots: { share: 0.5, think: 3, actors: 9 }",
      "20:30: error[wrong-unit]: 'think' of 'bots' of 'sessions': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '3', which has no unit; did you mean '3s'?",
      "20:41: error[wrong-value]: 'actors' of 'bots' of 'sessions': expected a whole number from 1 to 5, found '9'"),
    Change(
      "arrival: { poisson: 10/s }", "arrival: { poisson: 10/s }\n  id: { field: step }",
      "20:16: error[wrong-value]: 'field' of 'id' of 'sessions': 'session.step' means something else already"),
    Change("think: 3s", "think: { poisson: 3s }", "27:16: error[unknown-field]: unknown field 'poisson' in 'think' of state 'buy'"),
    Change(
      "think: 3s", "think: { normal: { mean: -3s, sd: 1s } }",
      "27:32: error[wrong-unit]: 'mean' of 'normal' of 'think' of state 'buy': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '-3s'"
    ),
    Change(
      "think: 3s", "think: 99999d",
      "27:14: error[wrong-value]: 'think' of state 'buy': expected a duration of at most 36525d, found '99999d'"),
  ])
  func `who acts and when`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }

  @Test(arguments: [
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, fields: { a: { const: 1 } }, key: b }\n",
      "5:58: error[unknown-reference]: 'key' of stream 'orders': stream 'orders' has no field 'b', and every record needs a key"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { fields: { a: { const: 1 } } }\n",
      "5:11: error[missing-field]: missing field 'rate' in stream 'orders'; expected 'rate' or 'load'"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s }\n",
      "5:11: error[missing-field]: missing field 'fields' in stream 'orders'"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, load: 5/s, fields: { a: { const: 1 } } }\n",
      "5:24: error[wrong-value]: 'load' of stream 'orders': the rate of stream 'orders' is given twice"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5, fields: { a: { const: 1 } } }\n",
      "5:19: error[wrong-unit]: 'rate' of stream 'orders': expected a rate like 200/s, 5k/s, 1.5M/s or 90/m, found '5', which has no unit; did you mean '5/s'?"
    ),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  viewed: { rate: 5/s, fields: { a: { const: 1 } } }\n",
      "5:3: error[wrong-value]: a stream cannot be called 'viewed', as an event is called so already"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, bind: { c: { ref: usr } }, fields: { a: { from: c.id } } }\n",
      "5:42: error[unknown-reference]: 'ref' of 'c' of 'bind' of stream 'orders': no entity 'usr'; did you mean 'user'?"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, bind: { c: { ref: user } }, fields: { a: { from: d.id } } }\n",
      "5:73: error[unknown-reference]: 'from' of field 'a' of stream 'orders': 'd' is not bound by stream 'orders'"),
    Change(
      "name: shop\n",
      "name: shop\nstreams:\n  orders: { rate: 5/s, bind: { c: { ref: user } }, fields: { a: { from: user.id } } }\n",
      "5:73: error[unknown-reference]: 'from' of field 'a' of stream 'orders': 'user' is not bound by stream 'orders'; did you mean 'c.id'?"
    ),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, bind: { c: { ref: user } }, fields: { a: { from: c.di } } }\n",
      "5:73: error[unknown-reference]: 'from' of field 'a' of stream 'orders': no field 'di' in entity 'user', which 'c' is bound to; did you mean 'id'?"
    ),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, fields: { a: { from: session.session_id } } }\n",
      "5:45: error[unknown-reference]: 'from' of field 'a' of stream 'orders': 'session' belongs to sessions; the records of a stream have none"
    ),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, bind: { row: { ref: user } }, fields: { a: { const: 1 } } }\n",
      "5:32: error[wrong-value]: 'row' always means the row that changes and cannot be bound"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, bind: { o: { ref: orders } }, fields: { a: { const: 1 } } }\n",
      "5:42: error[unknown-reference]: 'ref' of 'o' of 'bind' of stream 'orders': no entity 'orders'; to bind a record of the stream 'orders', say how old it may be, as in 'within: 10m'"
    ),
    Change(
      "name: shop\n",
      "name: shop\nstreams:\n  orders: { rate: 5/s, bind: { o: { ref: orders, within: 5m } }, fields: { a: { const: 1 } } }\n",
      "5:3: error[cycle]: streams bind each other in a circle: orders -> orders"),
    Change(
      "name: shop\n",
      "name: shop\nstreams:\n  orders: { rate: 5/s, bind: { o: { ref: user, within: 5m } }, fields: { a: { const: 1 } } }\n",
      "5:48: error[wrong-value]: 'within' of 'o' of 'bind' of stream 'orders': 'user' is an entity, whose rows have no age; leave 'within' out"
    ),
    Change(
      "name: shop\n",
      "name: shop\nstreams:\n  orders: { rate: 5/s, bind: { o: { ref: order, within: 5m } }, fields: { a: { const: 1 } } }\n",
      "5:42: error[unknown-reference]: 'ref' of 'o' of 'bind' of stream 'orders': no stream 'order'; did you mean 'orders'?"),
    Change(
      "name: shop\n",
      "name: shop\nstreams:\n  a: { rate: 5/s, fields: { x: { const: 1, optional: 0.5 } } }\n  b: { rate: 5/s, bind: { a: { ref: a, within: 1m } }, fields: { y: { from: a.x } } }\n",
      "6:77: error[wrong-value]: 'from' of field 'y' of stream 'b': 'x' of stream 'a' may be left out, so it cannot be read; make it 'nullable' instead"
    ),
    Change(
      "name: shop\n",
      "name: shop\nstreams:\n  a: { rate: 5/s, fields: { x: { const: 1 } } }\n  b: { rate: 5/s, bind: { a: { ref: a, within: 1m } }, fields: { y: { from: a.xx } } }\n",
      "6:77: error[unknown-reference]: 'from' of field 'y' of stream 'b': no field 'xx' in stream 'a', which 'a' is bound to; did you mean 'x'?"
    ),
    Change(
      "name: shop\n",
      "name: shop\nstreams:\n  c: { changes: { of: user, rate: 1/s } }\n  b: { rate: 5/s, bind: { a: { ref: c, within: 1m } }, fields: { y: { from: a.id } } }\n",
      "6:37: error[wrong-value]: 'ref' of 'a' of 'bind' of stream 'b': 'c' is a stream of changes, of which no record can be bound; bind the entity"
    ),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  c: { changes: { of: usr, rate: 1/s } }\n",
      "5:23: error[unknown-reference]: 'of' of 'changes' of stream 'c': no entity 'usr'; did you mean 'user'?"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  c: { changes: { of: user, rate: 1/s, fields: [id] } }\n",
      "5:49: error[wrong-value]: an item in 'fields' of 'changes' of stream 'c': 'id' is the key, which never changes"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  c: { changes: { of: user, rate: 1/s, fields: [like] } }\n",
      "5:49: error[unknown-reference]: an item in 'fields' of 'changes' of stream 'c': no field 'like' in entity 'user'; did you mean 'likes'?"
    ),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  c: { changes: { of: user, rate: 1/s }, fields: { a: { from: row.likse } } }\n",
      "5:6: error[missing-field]: missing field 'key' in stream 'c': changes need the key of the row, and no field is { from: row.id }",
      "5:63: error[unknown-reference]: 'from' of field 'a' of stream 'c': no field 'likse' in entity 'user', whose rows change; did you mean 'likes'?"
    ),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  c: { changes: { of: user, rate: 1/s }, fields: { a: { from: row.likes } } }\n",
      "5:6: error[missing-field]: missing field 'key' in stream 'c': changes need the key of the row, and no field is { from: row.id }"
    ),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  c: { changes: { of: user, rate: 1/s }, rate: 2/s }\n",
      "5:42: error[wrong-value]: 'rate' of stream 'c': the rate of stream 'c' is given twice"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  c: { changes: { of: user } }\n",
      "5:6: error[missing-field]: missing field 'rate' in stream 'c'; expected 'rate' or 'load'"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  c: { changes: { of: user, rate: 1/s, delete: 2 } }\n",
      "5:48: error[wrong-value]: 'delete' of 'changes' of stream 'c': expected a number from 0 to 1, found '2'"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, fields: { a: { const: 1, when: bot } } }\n",
      "5:49: error[wrong-value]: 'when' of field 'a' of stream 'orders' asks about a session, which only events of sessions have"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, key: a, fields: { a: { uuid: v4, optional: 0.1 } } }\n",
      "5:29: error[wrong-value]: 'key' of stream 'orders': 'a' of stream 'orders' may be left out, and every record needs a key"),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, key: a, fields: { a: { uuid: v4, nullable: 0.1 } } }\n",
      "5:29: warning[null-key]: 'key' of stream 'orders': 'a' of stream 'orders' may be null; such records have no key and go to any partition"
    ),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, key: a, fields: { a: { bool: 1 } } }\n",
      "5:29: error[wrong-type]: 'key' of stream 'orders': 'a' of stream 'orders' is not always a text or an integer, as a key has to be"
    ),
    Change(
      "name: shop\n", "name: shop\nstreams:\n  orders: { rate: 5/s, colour: red, fields: { a: { uuid: v4 } } }\n",
      "5:24: error[unknown-field]: unknown field 'colour' in stream 'orders'"),
  ])
  func `streams`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }
}
