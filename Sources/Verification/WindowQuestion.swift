// What is asked about windows: a key, a length, and counts and sums with a name each.
//
//     views = count where event == 'Product Viewed'
//     revenue = sum properties.price where event == 'Order Completed'

import Base
import Features
import Records

public struct WindowQuestion {
  public struct Aggregate {
    /// As it stands in rows.
    public var name: String
    /// What is summed, or whose values are counted; nil counts records.
    public var field: FieldPath?
    public var isSum: Bool
    public var predicate: Expression?
  }

  /// The field whose value is a row's key, and its name in rows.
  public var key: FieldPath
  public var lengthMilliseconds: Int64
  /// Which records belong to windows at all; nil for all.
  public var predicate: Expression?
  public var aggregates: [Aggregate]

  public init(
    key: String, lengthMilliseconds: Int64, predicate: String?, aggregates: [String]
  ) throws(Failure) {
    guard let key = FieldPath(dotted: key) else {
      throw Failure(.usage, "--key: expected a field like userId or context.country, found '\(key)'")
    }
    guard lengthMilliseconds > 0 else { throw Failure(.usage, "--window: expected a length above 0") }
    self.key = key
    self.lengthMilliseconds = lengthMilliseconds
    self.predicate = try predicate.map { text throws(Failure) in try Self.expression(text, "--where") }
    var read: [Aggregate] = []
    for text in aggregates {
      let aggregate = try Self.aggregate(text)
      guard !read.contains(where: { $0.name == aggregate.name }) else {
        throw Failure(.usage, "--expect: '\(aggregate.name)' is asked for twice")
      }
      read.append(aggregate)
    }
    self.aggregates = read
  }

  /// The name of the key in rows.
  public var keyName: String { key.components.last ?? "" }

  private static func expression(_ text: String, _ option: String) throws(Failure) -> Expression {
    do { return try ExpressionParser.parse(text) } catch { throw Failure(.usage, "\(option): '\(text)': \(error)") }
  }

  private static func aggregate(_ text: String) throws(Failure) -> Aggregate {
    let wrong = Failure(
      .usage, "--expect: expected 'NAME = count [FIELD] [where ...]' or 'NAME = sum FIELD [where ...]', found '\(text)'")
    let sides = text.split(separator: "=", maxSplits: 1)
    guard sides.count == 2 else { throw wrong }
    let name = sides[0].split(separator: " ")
    var definition = sides[1]
    var predicate: Expression?
    if let found = definition.firstRange(of: " where ") {
      predicate = try expression(String(definition[found.upperBound...]), "--expect")
      definition = definition[..<found.lowerBound]
    }
    let words = definition.split(separator: " ")
    guard name.count == 1, let function = words.first, words.count <= 2 else { throw wrong }
    let field = words.count == 2 ? FieldPath(dotted: String(words[1])) : nil
    switch function {
    case "count" where words.count == 1 || field != nil: break
    case "sum" where field != nil: break
    default: throw wrong
    }
    return Aggregate(name: String(name[0]), field: field, isSum: function == "sum", predicate: predicate)
  }
}
