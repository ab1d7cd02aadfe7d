// JSON to columns: five of the twelve fields of a flat click, against a loop in C that knows the keys, their order and where the values end,
// and checks nothing; then the fields of a feature pipeline out of nested click-stream events of several shapes, and two predicates
// over them.

import Base
import CReference
import Codec
import Features
import Records

let parseBenchmark = Benchmark(name: "parse") { scale in
  let count = 4096
  let rounds = scale.isTiny ? 1 : 300
  let clicks = batch(count) { click($0, separators: (",", ":")) }
  let spaced = batch(count) { click($0, separators: (", ", ": ")) }
  let events = batch(count, event)
  let clickFields = Decoding("userId", "ts", "event", "price", "product_id")
  let noFields = Decoding()
  let eventFields = Decoding("timestamp", "event", "userId", "session_id", "properties.product_id", "properties.price")
  let predicates = try ["event == 'Product Viewed'", "event == 'Order Completed' and properties.price > 50"].map {
    try ExpressionParser.parse($0)
  }
  let program = ExpressionProgram(predicates) { path in eventFields.reader.paths.firstIndex(of: path)! }
  eventFields.decode(events)
  let values = try [
    "properties.price * 1.19", "hour(timestamp)", "concat(userId, ':', event)",
    "case when properties.price > 50 then 'dear' when properties.price > 10 then 'fair' end",
  ].map { try ExpressionParser.parseValue($0).expression }
  let programs = values.map { value in
    ExpressionProgram([], values: [value]) { path in eventFields.reader.paths.firstIndex(of: path)! }
  }
  let least = try leastSeconds(
    rounds: rounds,
    [
      { referenceLoop(clicks) }, { clickFields.decode(clicks) }, { clickFields.decode(spaced) }, { noFields.decode(clicks) },
      { eventFields.decode(events) }, { program.evaluate(eventFields.columns, rowCount: count) },
    ] + programs.map { program in { program.evaluate(eventFields.columns, rowCount: count) } })
  let names = [
    "C, keys known, nothing checked, 5 of 12 fields", "5 of 12 fields of a flat click", "the same with spaces after separators",
    "no field of it, only checked", "6 fields of nested events of 4 shapes", "2 predicates over them",
    "a product over them", "the hour of a time", "three texts joined", "a choice of three texts",
  ]
  for (name, seconds) in zip(names, least) { printFigure("parse, \(name)", seconds: seconds, events: count) }
  printRatio("  ratio to the C loop", least[1] / least[0], target: "at most 1.60")
}

/// A reader and the columns that it fills.
private final class Decoding {
  let reader: JSONColumnReader
  let columns: Columns

  init(_ paths: String...) {
    reader = JSONColumnReader(paths: paths.map { FieldPath(dotted: $0)! })
    columns = Columns(columnCount: paths.count)
  }

  func decode(_ batch: RecordBatch) {
    reader.decode(batch, into: columns)
    precondition(columns.statuses[batch.count - 1] == .valid, "the benchmark's records are valid")
  }
}

/// The clicks of the benchmark, one per line.
func clicks(_ count: Int) -> RecordBatch { batch(count) { click($0, separators: (",", ":")) } }

private func referenceLoop(_ batch: RecordBatch) {
  var sum: UInt64 = 0
  for row in 0..<batch.count { sum &+= creference_parse_click(batch.value(row).baseAddress) }
  precondition(sum != 0, "the records hold numbers")
}

// MARK: - Records

private func batch(_ count: Int, _ record: (Int) -> String) -> RecordBatch {
  let batch = RecordBatch()
  for index in 0..<count {
    var text = record(index)
    text.withUTF8 { batch.append(value: $0, key: nil, timestamp: 0, offset: Offset(index), partition: 0) }
  }
  return batch
}

/// Spreads small numbers over 64 bits.
private func scatter(_ index: Int) -> UInt64 { Hash.mix(UInt64(index), 42) }

private func hexadecimal(_ value: UInt64, digits: Int) -> String {
  let text = String(value, radix: 16)
  return String(repeating: "0", count: max(0, digits - text.count)) + text.suffix(digits)
}

private func uuid(_ index: Int) -> String {
  let (a, b) = (scatter(index), scatter(index + 1_000_000))
  return "\(hexadecimal(a, digits: 8))-\(hexadecimal(a >> 32, digits: 4))-4\(hexadecimal(a >> 48, digits: 3))"
    + "-a\(hexadecimal(b, digits: 3))-\(hexadecimal(b >> 16, digits: 12))"
}

private func price(_ index: Int) -> String {
  let cents = 99 + Int(scatter(index) % 20_000)
  return "\(cents / 100).\(cents % 100 / 10)\(cents % 10)"
}

private func click(_ index: Int, separators: (comma: String, colon: String)) -> String {
  let fields = [
    ("event_id", "\"\(uuid(index))\""), ("ts", "\(1_767_225_600_000 + index * 37)"),
    ("userId", "\"u\(scatter(index) % 1_000_000)\""),
    ("session_id", "\"s\(hexadecimal(scatter(index / 9), digits: 12))\""),
    ("event", "\"\(["Product Viewed", "Product Clicked", "Product Added", "Order Completed"][index % 4])\""),
    ("product_id", "\"SKU-\(100_000 + scatter(index + 5) % 20_000)\""), ("price", price(index)), ("quantity", "\(1 + index % 3)"),
    ("country", "\"\(["DE", "FR", "US", "IN", "BR"][index % 5])\""), ("device", "\"\(["ios", "android", "web"][index % 3])\""),
    ("url", "\"https://shop.example/p/\(scatter(index + 5) % 20_000)\""), ("logged_in", index % 2 == 0 ? "true" : "false"),
  ]
  return "{" + fields.map { "\"\($0)\"\(separators.colon)\($1)" }.joined(separator: separators.comma) + "}"
}

private func event(_ index: Int) -> String {
  let time = TimeText.rfc3339(1_767_225_600_000 + Int64(index) * 37)
  let name = ["Product List Viewed", "Product Viewed", "Product Clicked", "Order Completed"][Int(scatter(index) % 4)]
  let product =
    "\"product_id\":\"SKU-\(100_000 + scatter(index + 5) % 20_000)\",\"category\":\"games\",\"price\":\(price(index)),\"currency\":\"EUR\""
  let properties =
    switch name {
    case "Product List Viewed": "\"category\":\"games\",\"impressions\":\(8 + index % 40)"
    case "Order Completed": "\"order_id\":\"\(uuid(index + 7))\",\(product),\"coupon\":null"
    default: "\(product),\"position\":\(1 + index % 48)"
    }
  return
    "{\"messageId\":\"\(uuid(index))\",\"type\":\"track\",\"timestamp\":\"\(time)\",\"sentAt\":\"\(time)\",\"userId\":\"\(uuid(index / 9))\","
    + "\"session_id\":\"\(uuid(index / 9 + 3))\",\"context\":{\"country\":\"DE\",\"device\":\"android\"},\"event\":\"\(name)\","
    + "\"properties\":{\(properties)}}"
}
