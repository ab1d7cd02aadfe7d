// GlassGen's configurations: every generator, the sinks, the pace, and how strict its reader is.

import Testing

@testable import Foreign

/// The smallest configuration, with these fields and parts.
private func configuration(_ fields: String, generator: String = #"{"rps": 10}"#, rest: String = "") -> String {
  "{\"schema\": {\(fields)},\n \"generator\": \(generator)\(rest)}"
}

@Suite struct GlassGenTests {
  @Test(arguments: [
    ("$string", "{ fake: word }"), ("$int", "{ int: [0, 9999] }"), ("$int(-5, 5)", "{ int: [-5, 5] }"),
    ("$intrange(18, 65)", "{ int: [18, 65] }"), ("$choice(a, \"b c\", 'true', 7)", "{ choice: [a, b c, \"true\", \"7\"] }"),
    ("$choice(a, b, a)", "{ choice: [a, b], weights: [2, 1] }"),
    ("$datetime", "{ time: event, format: \"%Y-%m-%dT%H:%M:%S.%f\" }"),
    ("$datetime(%d.%m.%Y)", "{ time: event, format: \"%d.%m.%Y\" }"), ("$timestamp", "{ time: event, format: epoch_s }"),
    ("$boolean", "{ bool: 0.5 }"), ("$boolean(30)", "{ bool: 0.3 }"), ("$uuid", "{ uuid: v4 }"), ("$uuid4", "{ uuid: v4 }"),
    ("$float", "{ float: [-1000000, 1000000] }"), ("$price", "{ decimal: [0.99, 9999.99], decimals: 2 }"),
    ("$price(1, 5.5, 1)", "{ decimal: [1, 5.5], decimals: 1 }"), ("$price(0)", "{ decimal: [0, 9999.99], decimals: 2 }"),
    ("$prefixed_id", "{ template: \"item_{n}\", with: { n: { int: [1, 1000] } } }"),
    ("$prefixed_id(cat, 5, 9)", "{ template: \"cat_{n}\", with: { n: { int: [5, 9] } } }"),
    ("$prefixed_id({x}, 5, 9)", "{ template: \"{{x}}_{n}\", with: { n: { int: [5, 9] } } }"),
    ("$array(email, 2)", "{ array: { fake: email }, length: 2 }"),
    ("$array(choice, 3, a, b)", "{ array: { choice: [a, b] }, length: 3 }"), ("$greeting", "{ fake: greeting }"),
    ("$name", "{ fake: name }"), ("$email", "{ fake: email }"), ("$company_email", "{ fake: company_email }"),
    ("$user_name", "{ fake: user_name }"), ("$password", "{ fake: password }"), ("$phone_number", "{ fake: phone }"),
    ("$ssn", "{ fake: ssn }"), ("$country", "{ fake: country }"), ("$city", "{ fake: city }"), ("$address", "{ fake: address }"),
    ("$zipcode", "{ fake: postcode }"), ("$company", "{ fake: company }"), ("$job", "{ fake: job }"), ("$url", "{ fake: url }"),
    ("$text", "{ text: { words: [5, 12], sentences: [2, 4] } }"), ("$ipv4", "{ ip: v4 }"),
    ("$currency_name", "{ fake: currency_name }"), ("$color_name", "{ fake: color }"),
  ])
  func `a generator becomes one of Freshet's`(_ generator: String, _ expected: String) throws {
    let escaped = generator.replacing("\"", with: "\\\"")
    let conversion = try convert(configuration("\"f\": \"\(escaped)\""))
    #expect(conversion.findings == [])
    #expect(conversion.lines(after: "fields:") == "  f: \(expected)\n")
    #expect(conversion.schemaFindings == [])
  }

  @Test func `a query string is put together from its parameters`() throws {
    let conversion = try convert(configuration("\"q\": \"$query_string\""))
    #expect(conversion.text.contains("v=2&cid={c1}.{c2}&sid={sid}&sct={sct}&seg={seg}&_et={et}&en={en}"))
    #expect(conversion.schemaFindings == [])
  }

  @Test func `all 33 generators are known`() {
    #expect(GlassGenGenerators.arguments.count == 33)
    #expect(Set(GlassGenGenerators.arguments.map(\.name)).count == 33)
  }

  @Test func `a whole configuration becomes a schema and the defaults of a run`() throws {
    let conversion = try convert(
      """
      { "schema": { "id": "$uuid", "user": { "name": "$name", "tags": { "tier": "$choice(free, pro)" } } },
        "sink": { "type": "kafka", "params": { "bootstrap.servers": "a:9092, b:9092", "topic": "users", "acks": "all", "linger.ms": 5, "sasl.password": "s" } },
        "generator": { "rps": 1500, "num_records": 5000, "bulk_size": 10,
          "event_options": { "duplication": { "enabled": true, "ratio": 0.1, "key_field": "user.tags.tier", "time_window": "2m" } } } }
      """, as: "people.json")
    #expect(conversion.findings == [])
    #expect(
      conversion.text == """
        # From a GlassGen configuration. Run it with:
        #   freshet generate FILE --to kafka://a:9092,b:9092/users --rate 1500/s --count 5000 -X acks=all -X linger.ms=5 -X sasl.password=...
        version: 1
        kind: stream
        name: people
        rate: 1500/s
        fields:
          id: { uuid: v4 }
          user: { object: { name: { fake: name }, tags: { object: { tier: { choice: [free, pro] } } } } }
        # Whole records again, at most 666ms later: the last 1000 inside 2m.
        # GlassGen's key_field 'user.tags.tier' only names what its duplicates share.
        faults:
          duplicate: { rate: 0.1, delay: { uniform: [0ms, 666ms] } }
        output: { topic: users }

        """)
    var run = RunDefaults()
    run.to = "kafka://a:9092,b:9092/users"
    run.rate = "1500/s"
    run.count = "5000"
    run.properties = ["acks=all", "linger.ms=5", "sasl.password=s"]
    #expect(conversion.schema?.run == run)
    #expect(conversion.schemaFindings == [])
  }

  @Test(arguments: [
    (#"{"type": "csv", "params": {"path": "o.csv"}}"#, "file:o.csv", "csv"),
    (#"{"type": "ndjson", "params": {"path": "o"}}"#, "file:o", nil),
    (#"{"type": "webhook", "params": {"url": "http://h/x", "headers": {}}}"#, "http://h/x", nil),
    (#"{"type": "yield"}"#, "stdout", nil),
  ])
  func `a sink is where records go by default`(_ sink: String, _ to: String, _ format: String?) throws {
    let conversion = try convert(configuration("\"a\": \"$int\"", rest: ", \"sink\": \(sink)"))
    #expect(conversion.findings == [])
    #expect(conversion.schema?.run.to == to)
    #expect(conversion.schema?.run.format == format)
  }

  @Test func `no rate is as fast as possible, and -1 records are no end`() throws {
    let conversion = try convert(configuration("\"a\": \"$int\"", generator: #"{"num_records": -1}"#))
    #expect(conversion.schema?.run == RunDefaults())
    #expect(
      conversion.lines(after: "name: sample") == """
        clock: { mode: simulated }
        # rps 0: as fast as the sink takes them; this is the rate of event time.
        rate: 1k/s
        fields:
          a: { int: [0, 9999] }

        """)
    #expect(try convert(configuration("\"a\": \"$int\"", generator: "{}")).schema?.run.count == "100")
  }

  @Test(arguments: [
    ("\"a\": \"$nmae\"", "1:18: error[unknown-name]: field 'a': unknown generator '$nmae'; did you mean 'name'?"),
    ("\"a\": 5", "1:18: error[wrong-type]: field 'a': expected a generator such as \"$name\", or nested fields, found '5'"),
    (
      "\"a\": [\"$int\"]",
      "1:18: error[wrong-type]: field 'a': expected a generator such as \"$name\", or nested fields, found a list"
    ),
    ("\"a\": \"x\"", "1:18: error[wrong-value]: field 'a': expected a generator such as \"$name\", found 'x'"),
    ("\"a\": \"$int(1\"", "1:18: error[wrong-value]: field 'a': expected '$generator' or '$generator(arguments)', found '$int(1'"),
    ("\"a\": {}", "1:18: error[wrong-value]: field 'a': expected at least one field in it, found none"),
    ("\"a\": {\"b\": \"$uuid(4)\"}", "1:24: error[wrong-value]: field 'a.b': '$uuid' takes no arguments, found (4)"),
    ("\"a\": \"$intrange(1)\"", "1:18: error[wrong-value]: field 'a': '$intrange': expected (min, max), found (1)"),
    (
      "\"a\": \"$intrange(9, 1)\"", "1:18: error[wrong-value]: field 'a': '$intrange': the lower bound 9 is above the upper bound 1"
    ),
    ("\"a\": \"$intrange(a, b)\"", "1:18: error[wrong-value]: field 'a': '$intrange': expected two whole numbers, found (a, b)"),
    ("\"a\": \"$choice\"", "1:18: error[wrong-value]: field 'a': '$choice': expected (a, b, ...), found nothing"),
    ("\"a\": \"$price(1, 2, 12)\"", "1:18: error[wrong-value]: field 'a': '$price': expected 0 to 9 decimals, found '12'"),
    (
      "\"a\": \"$array(int)\"",
      "1:18: error[wrong-value]: field 'a': '$array': expected (generator, count, its arguments...), found (int)"
    ),
    ("\"a\": \"$array(int, 0)\"", "1:18: error[wrong-value]: field 'a': '$array': expected a count from 1 to 10000, found '0'"),
    ("\"a\": \"$array(array, 2)\"", "1:18: error[no-equivalent]: field 'a': '$array': an array of arrays has no equivalent"),
    (
      "\"a\": \"$boolean(120)\"",
      "1:18: error[wrong-value]: field 'a': '$boolean': expected a percentage from 0 to 100, found '120'"
    ),
    (
      "\"a\": \"$datetime(%Q)\"",
      "1:18: error[no-equivalent]: field 'a': '$datetime': the format has '%Q'; known: %Y %m %d %H %M %S %L %f %j %y %b %B %a %A %e %I %p %s %F %T %z %Z %%"
    ),
    ("", "1:12: error[wrong-value]: 'schema': expected at least one field, found a mapping"),
  ])
  func `a broken field is named with its place`(_ fields: String, _ finding: String) throws {
    let found = try convert(configuration(fields)).findings
    #expect(found == [finding])
  }

  @Test(arguments: [
    (#"{"rps": 1, "rate": 2}"#, "", ["2:26: error[unknown-field]: unknown field 'rate' in 'generator'"]),
    (
      #"{"rps": -1}"#, "",
      ["2:23: error[wrong-value]: 'rps' of 'generator': expected a whole number from 0 to 1000000000, found '-1'"]
    ),
    (#"{"event_options": {"dup": 1}}"#, "", ["2:34: error[unknown-field]: unknown field 'dup' in 'event_options' of 'generator'"]),
    (
      #"{"event_options": {"duplication": {"enabled": true}}}"#, "",
      [
        "2:49: error[missing-field]: missing field 'ratio' in 'duplication'",
        "2:49: error[missing-field]: missing field 'key_field' in 'duplication'",
      ]
    ),
    (
      #"{"event_options": {"duplication": {"enabled": true, "ratio": 2, "key_field": "b", "time_window": "1x"}}}"#, "",
      [
        "2:76: error[wrong-value]: 'ratio' of 'duplication': expected a number from 0 to 1, found '2'",
        "2:112: error[wrong-unit]: 'time_window' of 'duplication': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '1x'",
      ]
    ),
    (
      #"{"event_options": {"duplication": {"enabled": true, "ratio": 1, "key_field": "aa"}}}"#, "",
      ["2:92: error[unknown-reference]: 'key_field' of 'duplication': no field 'aa' in the schema; did you mean 'a'?"]
    ),
    (
      "{}", #", "sink": {"type": "kafka"}"#,
      ["2:27: error[missing-field]: a sink of type 'kafka' needs 'params' with 'bootstrap.servers' and 'topic'"]
    ),
    (
      "{}", #", "sink": {"type": "cvs", "params": {}}"#,
      [
        "2:36: error[wrong-value]: 'type' of 'sink': expected csv, ndjson, kafka, webhook or yield, found 'cvs'; did you mean 'csv'?"
      ]
    ),
    (
      "{}", #", "sink": {"type": "csv", "params": {"path": "x", "sep": 1}}"#,
      ["2:67: error[unknown-field]: unknown field 'sep' in 'params' of 'sink'"]
    ),
    ("{}", #", "sinks": {}"#, ["2:19: error[unknown-field]: unknown field 'sinks'; did you mean 'sink'?"]),
    (
      "{}", #", "sink": {"type": "webhook", "params": {"url": "http://h", "timeout": 5}}"#,
      ["2:77: warning[no-equivalent]: 'timeout' of 'params' of 'sink' is not taken over"]
    ),
  ])
  func `unknown and wrong settings are refused at every level`(_ generator: String, _ rest: String, _ findings: [String]) throws {
    let found = try convert(configuration("\"a\": \"$int\"", generator: generator, rest: rest)).findings
    #expect(found == findings)
  }

  @Test func `a configuration without generator is refused`() throws {
    let found = try convert("{\"schema\": {\"a\": \"$int\"}, \"sink\": {\"type\": \"yield\"}}").findings
    #expect(
      found == [
        "1:1: error[missing-field]: missing field 'generator'"
      ])
  }
}
