// The body of `POST /get-online-features`, as Feast's clients write it:
//
//     {"feature_service": "ranking", "entities": {"user_id": ["u1", "u2"], "amount": [9.5, 12]}, "full_feature_names": true}
//     {"features": ["user_activity:views_5m"], "entities": {"user_id": ["u1"]}}
//
// What a request brings for views of requests stands among the entities, or in `request_context`. Members may come in any order, so columns are read
// when it is known what they are for.

import Base
import Features

extension FeatureRequest {
  init(json body: [UInt8], _ plan: ServingPlan, rowLimit: Int) throws(RequestFault) {
    let result = body.withUnsafeBufferPointer { bytes -> Result<FeatureRequest, RequestFault> in
      do throws(RequestFault) { return .success(try FeatureRequestReader(bytes, rowLimit: rowLimit).read(plan)) } catch {
        return .failure(error)
      }
    }
    self = try result.get()
  }
}

private struct FeatureRequestReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let rowLimit: Int

  init(_ bytes: UnsafeBufferPointer<UInt8>, rowLimit: Int) {
    self.bytes = bytes
    self.rowLimit = rowLimit
  }

  /// More columns than any service has use for.
  private static let columnCountMax = 256

  func read(_ plan: ServingPlan) throws(RequestFault) -> FeatureRequest {
    guard ServedFormat.isUTF8(bytes) else { throw RequestFault(400, "the body is not UTF-8") }
    var service: String?
    var features: [String]?
    var columns: [(name: String, place: Int)] = []
    var usesFullNames = false
    var seen: Set<String> = []
    var input = JSONInput(bytes)
    try input.object { (input, key) throws(RequestFault) in
      let key = String(decoding: key, as: UTF8.self)
      guard seen.insert(key).inserted else { throw RequestFault(422, "'\(key.prefix(100))' is there twice") }
      switch key {
      case "feature_service": if try !Self.isNull(&input) { service = try Self.text(&input, key) }
      case "features": if try !Self.isNull(&input) { features = try Self.texts(&input, key) }
      case "entities", "request_context":
        if try Self.isNull(&input) { return }
        try Self.expect(.object, &input, "'\(key)': expected an object of lists")
        try input.object { (input, name) throws(RequestFault) in
          guard columns.count < Self.columnCountMax else {
            throw RequestFault(422, "there are more than \(Self.columnCountMax) columns")
          }
          columns.append((String(decoding: name, as: UTF8.self), try input.skip().lowerBound))
        }
      case "full_feature_names":
        if try Self.isNull(&input) { return }
        try Self.expect(.bool, &input, "'\(key)': expected true or false")
        usesFullNames = try input.bool()
      default: try input.skip()
      }
    }
    try input.end()
    var builder = FeatureRequestBuilder(try Self.service(service, features, plan), rowLimit: rowLimit)
    for (name, place) in columns { try read(name, at: place, into: &builder) }
    return try builder.finish(usesFullNames: usesFullNames)
  }

  private static func service(_ name: String?, _ features: [String]?, _ plan: ServingPlan) throws(RequestFault) -> ServedService {
    switch (name, features) {
    case (let name?, nil): return try plan.service(named: name)
    case (nil, let features?): return try plan.service(ofFeatures: features)
    case (nil, nil): throw RequestFault(422, "expected 'features' or 'feature_service'")
    case (_?, _?): throw RequestFault(422, "expected 'features' or 'feature_service', found both")
    }
  }

  // MARK: Columns

  private func read(_ name: String, at place: Int, into builder: inout FeatureRequestBuilder) throws(RequestFault) {
    guard let column = builder.column(named: name) else {
      throw RequestFault(
        422,
        "there is no key or input '\(name.prefix(100))'; there is \(builder.columnNames.joined(separator: ", "))")
    }
    var input = JSONInput(UnsafeBufferPointer(rebasing: bytes[place...]))
    try Self.expect(.list, &input, "'\(name)': expected a list")
    var echo = FeatureRequest.Echo(name: name, values: KeyList())
    switch column {
    case .key(let entity):
      var keys = KeyList()
      try input.list { (input) throws(RequestFault) in
        try checkCount(keys.count, name)
        input.skipSpace()
        let start = input.cursor
        switch try input.kind() {
        case .string: keys.append(try input.string())
        case .number:
          let range = try input.number()
          let text = UnsafeBufferPointer(rebasing: bytes[place + range.lowerBound..<place + range.upperBound])
          guard JSONNumber.isInteger(text) else {
            throw RequestFault(422, "'\(name)': expected strings or integers, found a number")
          }
          keys.append(text)
        default: throw RequestFault(422, "'\(name)': expected strings or integers")
        }
        echo.values.append(UnsafeBufferPointer(rebasing: bytes[place + start..<place + input.cursor]))
      }
      try builder.add(keys: keys, entity, echo)
    case .input(let definition):
      var values: [TypedValue] = []
      try input.list { (input) throws(RequestFault) in
        try checkCount(values.count, name)
        input.skipSpace()
        let start = input.cursor
        values.append(try value(&input, place, name))
        echo.values.append(UnsafeBufferPointer(rebasing: bytes[place + start..<place + input.cursor]))
      }
      try builder.add(values, of: definition, echo)
    }
  }

  private func checkCount(_ count: Int, _ name: String) throws(RequestFault) {
    guard count < rowLimit else {
      throw RequestFault(422, "'\(name)' has more than \(rowLimit) values, as many as a request may have")
    }
  }

  private func value(_ input: inout JSONInput, _ place: Int, _ name: String) throws(RequestFault) -> TypedValue {
    switch try input.kind() {
    case .string: return .string(String(decoding: try input.string(), as: UTF8.self))
    case .bool: return .bool(try input.bool())
    case .null:
      try input.null()
      return .null
    case .number:
      let range = try input.number()
      let text = String(decoding: bytes[place + range.lowerBound..<place + range.upperBound], as: UTF8.self)
      if let integer = Int64(text) { return .integer(integer) }
      guard let double = Double(text), double.isFinite else {
        throw RequestFault(422, "'\(name)': \(text.prefix(80)) is out of range")
      }
      return .double(double)
    case .list, .object: throw RequestFault(422, "'\(name)': expected strings, numbers, booleans or null")
    }
  }

  // MARK: Members

  private static func expect(_ kind: JSONInput.Kind, _ input: inout JSONInput, _ words: String) throws(RequestFault) {
    guard try input.kind() == kind else { throw RequestFault(422, words) }
  }

  private static func isNull(_ input: inout JSONInput) throws(RequestFault) -> Bool {
    guard try input.kind() == .null else { return false }
    try input.null()
    return true
  }

  private static func text(_ input: inout JSONInput, _ name: String) throws(RequestFault) -> String {
    try expect(.string, &input, "'\(name)': expected a string")
    return String(decoding: try input.string(), as: UTF8.self)
  }

  private static func texts(_ input: inout JSONInput, _ name: String) throws(RequestFault) -> [String] {
    try expect(.list, &input, "'\(name)': expected a list of strings")
    var texts: [String] = []
    try input.list { (input) throws(RequestFault) in
      guard texts.count < ServingPlan.featureCountMax else {
        throw RequestFault(422, "'\(name)' has more than \(ServingPlan.featureCountMax) items")
      }
      texts.append(try text(&input, name))
    }
    return texts
  }
}
