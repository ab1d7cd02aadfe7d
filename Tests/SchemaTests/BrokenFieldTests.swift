// Fields that are not sound: numbers, choices, texts, times, places, nested values and settings. Each is a field of the small sound schema,
// with the exact findings that it leads to.

import Testing

@testable import Schema

@Suite struct BrokenFieldTests {
  @Test(arguments: [
    Change(
      field: "{ int: some }",
      "41:30: error[wrong-type]: 'int' of field 'amount' of event 'bought': expected [1, 48], any, or a distribution such as { poisson: 3 }, found 'some'"
    ),
    Change(
      field: "{ int: { gauss: 1 } }",
      "41:32: error[unknown-field]: unknown field 'gauss' in 'int' of field 'amount' of event 'bought'"),
    Change(
      field: "{ int: [1, 2, 3] }",
      "41:30: error[wrong-value]: 'int' of field 'amount' of event 'bought': expected a list of 2, found one of 3"),
    Change(
      field: "{ float: [2, 1] }",
      "41:33: error[wrong-value]: 'float' of field 'amount' of event 'bought': the lower bound 2 is above the upper bound 1"),
    Change(
      field: "{ float: [0, 1e300] }",
      "41:36: error[wrong-value]: the upper bound in 'float' of field 'amount' of event 'bought': expected a number of at most 1e15, found '1e300'"
    ),
    Change(
      field: "{ decimal: [0, 1e12], decimals: 9 }",
      "41:34: error[wrong-value]: 'decimal' of field 'amount' of event 'bought': expected numbers of at most 18 digits, found bounds with 9 decimals that have more"
    ),
    Change(
      field: "{ decimal: [0, 1], decimals: 12 }",
      "41:52: error[wrong-value]: 'decimals' of field 'amount' of event 'bought': expected a whole number from 0 to 9, found '12'"),
    Change(
      field: "{ bool: 1.5 }",
      "41:31: error[wrong-value]: 'bool' of field 'amount' of event 'bought': expected a number from 0 to 1, found '1.5'"),
    Change(
      field: "{ normal: { mean: 1 } }",
      "41:33: error[missing-field]: missing field 'sd' in 'normal' of field 'amount' of event 'bought'"),
    Change(
      field: "{ normal: { mean: 1, sd: -1 } }",
      "41:48: error[wrong-value]: 'sd' of 'normal' of field 'amount' of event 'bought': expected a number of at least 0, found '-1'"
    ),
    Change(
      field: "{ lognormal: { median: 5, p95: 2 } }",
      "41:54: error[wrong-value]: 'p95' of 'lognormal' of field 'amount' of event 'bought': expected at least the median and not above it by more than a factor of 1e7, found '2'"
    ),
    Change(
      field: "{ lognormal: { median: 5, sigma: 1, p95: 9 } }",
      "41:59: error[wrong-value]: 'lognormal' of field 'amount' of event 'bought': 'sigma' and 'p95' say the same; give one of them"
    ),
    Change(
      field: "{ pareto: { min: 5, alpha: 1, max: 2 } }",
      "41:58: error[wrong-value]: 'max' of 'pareto' of field 'amount' of event 'bought': expected more than 'min', found '2'"),
    Change(field: "{ zipf: 1.1 }", "41:23: error[missing-field]: missing field 'count' in field 'amount' of event 'bought'"),
    Change(
      field: "{ zipf: 11, count: 5 }",
      "41:31: error[wrong-value]: 'zipf' of field 'amount' of event 'bought': expected an exponent above 0, at most 10, found '11'"),
    Change(
      field: "{ poisson: -1 }",
      "41:34: error[wrong-value]: 'poisson' of field 'amount' of event 'bought': expected a mean from 0 to 1e9, found '-1'"),
    Change(
      field: "{ histogram: { edges: [0, 5, 5], weights: [1, 1] } }",
      "41:52: error[wrong-value]: an item in 'edges' of 'histogram' of field 'amount' of event 'bought': expected more than the one before it, 5, found '5'"
    ),
    Change(
      field: "{ histogram: { edges: [0, 5], weights: [1, 1] } }",
      "41:62: error[wrong-value]: 'weights' of 'histogram' of field 'amount' of event 'bought': expected 1 weights, one for each bin between 2 edges, found 2"
    ),
    Change(
      field: "{ mixture: [ { weight: 1 } ] }",
      "41:36: error[wrong-value]: an item in 'mixture' of field 'amount' of event 'bought': expected one of uniform, normal, lognormal, exponential, pareto, poisson, zipf, histogram, mixture, found none"
    ),
    Change(
      field: "{ mixture: [ { weight: 0, poisson: 1 } ] }",
      "41:34: error[wrong-value]: 'mixture' of field 'amount' of event 'bought': all weights are 0"),
    Change(
      field: "{ mixture: [ { poisson: 1, normal: { mean: 1, sd: 1 } } ] }",
      "41:36: error[wrong-value]: an item in 'mixture' of field 'amount' of event 'bought': expected one of uniform, normal, lognormal, exponential, pareto, poisson, zipf, histogram, mixture, found normal and poisson"
    ),
    Change(
      field: "{ mixture: [ { possion: 1 } ] }",
      "41:38: error[unknown-field]: unknown field 'possion' in an item in 'mixture' of field 'amount' of event 'bought'; did you mean 'poisson'?"
    ),
    Change(
      field: "{ uniform: [1, 2], clamp: [1] }",
      "41:49: error[wrong-value]: 'clamp' of field 'amount' of event 'bought': expected a list of 2, found one of 1"),
    Change(
      field: "{ choice: { file: words.csv, column: nme } }",
      "41:60: error[unknown-reference]: 'column' of 'choice' of field 'amount' of event 'bought': no column 'nme' in words.csv; did you mean 'name'?"
    ),
    Change(
      field: "{ choice: { file: words.csv, weights: share } }",
      "41:33: error[missing-field]: missing field 'column' in 'choice' of field 'amount' of event 'bought'"),
    Change(
      field: "{ choice: { file: words.csv, column: share, weights: name } }",
      "41:76: error[wrong-value]: 'weights' of 'choice' of field 'amount' of event 'bought': record 2 of words.csv: expected a weight of at least 0, found 'Acme'"
    ),
    Change(
      field: "{ choice: { file: words.csv, column: name, weights: share }, weights: [1, 2] }",
      "41:84: error[wrong-value]: 'weights' of field 'amount' of event 'bought': 'choice' names a column of weights already"),
    Change(
      field: "{ sequence: number, step: 0 }",
      "41:49: error[wrong-value]: 'step' of field 'amount' of event 'bought': expected a whole number other than 0, found '0'"),
    Change(
      field: "{ sequence: number, start: 5, restart: 1 }",
      "41:62: error[wrong-value]: 'restart' of field 'amount' of event 'bought': expected a number not below 'start', 5, found '1'"),
  ])
  func `numbers and choices`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }

  @Test(arguments: [
    Change(
      field: "{ pattern: \"a(b\" }",
      "41:36: error[wrong-value]: 'pattern' of field 'amount' of event 'bought': this group is not closed by ')' (at character 2 of 'a(b')"
    ),
    Change(
      field: "{ pattern: 'x\\1' }",
      "41:36: error[wrong-value]: 'pattern' of field 'amount' of event 'bought': a reference to a group is not possible (at character 2 of 'x\\1')"
    ),
    Change(
      field: "{ pattern: \"(?=x)\" }",
      "41:35: error[wrong-value]: 'pattern' of field 'amount' of event 'bought': looking ahead or behind is not possible; groups are (...) and (?:...) (at character 1 of '(?=x)')"
    ),
    Change(
      field: "{ template: \"{user.id\" }",
      "41:35: error[wrong-value]: 'template' of field 'amount' of event 'bought': expected a text with names in braces, as in {user.name}, and {{ or }} for a brace itself, found '{user.id'"
    ),
    Change(
      field: "{ template: \"{nam}\", with: { name: { const: 1 } } }",
      "41:35: error[unknown-reference]: 'template' of field 'amount' of event 'bought': no name 'nam' in 'with'; did you mean 'name'?",
      "41:52: warning[unused]: 'template' of field 'amount' of event 'bought' does not use 'name' of 'with'"),
    Change(
      field: "{ template: \"x\", with: { n: { const: 1 } } }",
      "41:48: warning[unused]: 'template' of field 'amount' of event 'bought' does not use 'n' of 'with'"),
    Change(
      field: "{ template: \"{usr.id}\" }",
      "41:35: error[unknown-reference]: 'template' of field 'amount' of event 'bought': 'usr' is neither the actor, nor 'session', nor bound by a state; did you mean 'user'?"
    ),
    Change(
      field: "{ template: \"{o}\", with: { o: { object: { a: { const: 1 } } } } }",
      "41:35: error[wrong-type]: 'template' of field 'amount' of event 'bought': 'o' is a list or a mapping, which a text cannot hold"
    ),
    Change(
      field: "{ time: { between: [2026-01-01T00:00:00Z, 2025-01-01T00:00:00Z] } }",
      "41:43: error[wrong-value]: 'between' of 'time' of field 'amount' of event 'bought': the lower bound lies after the upper bound"
    ),
    Change(
      field: "{ time: { betwen: [1, 2] } }",
      "41:33: error[unknown-field]: unknown field 'betwen' in 'time' of field 'amount' of event 'bought'; did you mean 'between'?"),
    Change(
      field: "{ time: event, format: \"%Q\" }",
      "41:47: error[wrong-value]: 'format' of field 'amount' of event 'bought': '%Q' is unknown; there are % with Y m d H M S L f j y b B a A e I p s F T z Z % (at character 1 of '%Q')"
    ),
    Change(
      field: "{ time: event, format: rfc3339_s }",
      "41:46: error[wrong-value]: 'format' of field 'amount' of event 'bought': expected rfc3339_ms, rfc3339, epoch_ms, epoch_s or epoch_us, found 'rfc3339_s'; did you mean 'rfc3339_ms'?"
    ),
    Change(
      field: "{ ip: v5 }",
      "41:29: error[wrong-value]: 'ip' of field 'amount' of event 'bought': expected v4, v6 or a network such as 10.0.0.0/8, found 'v5'"
    ),
    Change(
      field: "{ ip: 10.0.0.0/40 }",
      "41:29: error[wrong-value]: 'ip' of field 'amount' of event 'bought': expected v4, v6 or a network such as 10.0.0.0/8, found '10.0.0.0/40'"
    ),
    Change(
      field: "{ geo: [95, 0] }",
      "41:31: error[wrong-value]: the latitude in 'geo' of field 'amount' of event 'bought': expected a number from -90 to 90, found '95'"
    ),
    Change(
      field: "{ geo: berlin }",
      "41:30: error[wrong-type]: 'geo' of field 'amount' of event 'bought': expected a point as in [52.52, 13.40], or cities, found 'berlin'"
    ),
    Change(
      field: "{ geo: [1, 2], within: 20 }",
      "41:46: error[wrong-unit]: 'within' of field 'amount' of event 'bought': expected a distance like 500m or 20km, at most 5000km, found '20'"
    ),
    Change(
      field: "{ geo: [1, 2], as: wkt }",
      "41:42: error[wrong-value]: 'as' of field 'amount' of event 'bought': expected object, text or list, found 'wkt'"),
    Change(
      field: "{ geo: [1, 2], locale: de }",
      "41:38: error[unknown-field]: 'locale' of field 'amount' of event 'bought' goes with cities, not with a point"),
    Change(
      field: "{ fake: emial }",
      "41:31: error[wrong-value]: 'fake' of field 'amount' of event 'bought': expected name, first_name, last_name, email, user_name, phone, address, street, city, region, postcode, country, company, company_email, job, product, color, word, greeting, ssn, country_code, currency, currency_name, user_agent, bot_user_agent, url, referrer, domain, path, mac, password, query_string, language, timezone or ipv4, found 'emial'; did you mean 'email'?"
    ),
    Change(
      field: "{ fake: name, locale: [en, dee] }",
      "41:50: error[wrong-value]: an item in 'locale' of field 'amount' of event 'bought': expected en, de, fr, es, it, pt, ja or in, found 'dee'; did you mean 'de'?"
    ),
    Change(
      field: "{ text: {} }",
      "41:31: error[wrong-value]: 'text' of field 'amount' of event 'bought': expected a number of words or sentences, as in { words: [5, 12] }, found a mapping"
    ),
    Change(
      field: "{ text: { words: [9, 2] } }",
      "41:41: error[wrong-value]: 'words' of 'text' of field 'amount' of event 'bought': the lower bound 9 is above the upper bound 2; did you mean [2, 9]?"
    ),
    Change(
      field: "{ text: { wrds: 3 } }",
      "41:33: error[unknown-field]: unknown field 'wrds' in 'text' of field 'amount' of event 'bought'; did you mean 'words'?"),
  ])
  func `texts, times and places`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }

  @Test(arguments: [
    Change(
      field: "{ array: { const: 1 } }", "41:23: error[missing-field]: missing field 'length' in field 'amount' of event 'bought'"),
    Change(
      field: "{ array: { const: 1 }, length: 20000 }",
      "41:54: error[wrong-value]: 'length' of field 'amount' of event 'bought': expected a whole number from 0 to 10000, found '20000'"
    ),
    Change(
      field: "{ array: { const: 1 }, length: [5, 1] }",
      "41:55: error[wrong-value]: 'length' of field 'amount' of event 'bought': the lower bound 5 is above the upper bound 1; did you mean [1, 5]?"
    ),
    Change(
      field: "{ array: { const: 1, optional: 0.5 }, length: 2 }",
      "41:44: error[wrong-value]: 'optional' in 'array' of field 'amount' of event 'bought': only fields can have it; here 'nullable' is possible"
    ),
    Change(
      field: "{ array: { array: { array: { uuid: v4 }, length: 1000 }, length: 1000 }, length: 1000 }",
      "41:23: error[too-large]: field 'amount' of event 'bought' may take 61991 MiB in one record; at most 8 MiB are possible"),
    Change(
      field: "{ map: { const: 1 }, length: 3 }",
      "41:23: error[missing-field]: missing field 'keys' in field 'amount' of event 'bought'"),
    Change(
      field: "{ map: { const: 1 }, keys: { const: null }, length: 3 }",
      "41:50: error[wrong-type]: 'keys' of field 'amount' of event 'bought': the name of a field cannot be null, a list or a mapping"
    ),
    Change(
      field: "{ list: [ 1 ] }",
      "41:33: error[wrong-type]: an item in 'list' of field 'amount' of event 'bought': expected a generator such as { const: EUR } or { choice: [a, b] }, found '1'; did you mean '{ const: 1 }'?"
    ),
    Change(
      field: "{ one_of: [ { const: 1, weight: 0 } ] }",
      "41:33: error[wrong-value]: 'one_of' of field 'amount' of event 'bought': all weights are 0"),
    Change(
      field: "{ one_of: [] }",
      "41:33: error[wrong-value]: 'one_of' of field 'amount' of event 'bought': expected a list of at least 1, found one of 0"),
    Change(
      field: "{ list: [ { const: 1, wieght: 0 } ] }",
      "41:45: error[unknown-field]: unknown field 'wieght' in an item in 'list' of field 'amount' of event 'bought'; did you mean 'weights'?"
    ),
    Change(
      field:
        "{ array: { array: { array: { array: { array: { array: { array: { array: { array: { const: 1 }, length: 1 }, length: 1 }, length: 1 }, length: 1 }, length: 1 }, length: 1 }, length: 1 }, length: 1 }, length: 1 }",
      "41:104: error[too-large]: 'array' of 'array' of 'array' of 'array' of 'array' of 'array' of 'array' of 'array' of 'array' of field 'amount' of event 'bought': arrays, lists and maps stand more than 8 deep"
    ),
    Change(
      field: "{ const: 1, optional: 2 }",
      "41:45: error[wrong-value]: 'optional' of field 'amount' of event 'bought': expected a number from 0 to 1, found '2'"),
    Change(
      field: "{ const: 1, nullable: x }",
      "41:45: error[wrong-type]: 'nullable' of field 'amount' of event 'bought': expected a number from 0 to 1, found 'x'"),
    Change(
      field: "{ const: 1, when: bot }",
      "41:41: warning[no-effect]: 'when' of field 'amount' of event 'bought': every session is human, as 'sessions' has no 'bots'"),
    Change(
      field: "{ const: 1, when: known }",
      "41:41: error[wrong-value]: 'when' of field 'amount' of event 'bought': expected identified, anonymous, bot or human, found 'known'"
    ),
    Change(
      field: "{ const: 1, when: anonymous }",
      "41:41: warning[no-effect]: 'when' of field 'amount' of event 'bought': every session is identified, as 'sessions' has no 'identity'"
    ),
    Change(
      field: "{ ref: item.price }",
      "41:25: error[wrong-value]: 'ref' of field 'amount' of event 'bought': an event reads a row that a state binds, or its actor; write { from: ... } instead of { ref: ... }"
    ),
    Change(
      field: "{ from: session.is_bto }",
      "41:31: error[unknown-reference]: 'from' of field 'amount' of event 'bought': a session has the fields session_id, is_bot, is_identified, step, started_at and no 'is_bto'; did you mean 'is_bot'?"
    ),
    Change(
      field: "{ const: a, length: 3 }",
      "41:35: error[unknown-field]: 'length' in field 'amount' of event 'bought' goes with array or map, not with const"),
  ])
  func `nested values and settings`(_ change: Change) {
    #expect(schemaFindings(change.old, change.new) == change.findings)
  }
}
