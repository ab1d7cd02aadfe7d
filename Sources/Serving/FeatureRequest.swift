// What a request asks for, whichever way it came.

import Base
import Features
import HTTPServer

struct FeatureRequest: Sendable {
  /// A column of the request as it is given back: its name, and the JSON of its values.
  struct Echo: Sendable {
    var name: String
    var values: KeyList
    /// Whether it names rows; else it is an input.
    var isKey = true
  }

  var service: ServedService
  /// Per entity of the service.
  var keys: [KeyList]
  var rowCount: Int
  /// By name, per row.
  var inputs: [String: [TypedValue]] = [:]
  var echoes: [Echo] = []
  /// `view__feature` in place of `feature`.
  var usesFullNames = false

  /// Rows that are read: a request counts as many against the bound of a round trip.
  var weight: Int { rowCount * max(1, service.groups.count) }
}

/// Puts a request together of columns, whatever they were written as.
struct FeatureRequestBuilder {
  private let service: ServedService
  private let rowLimit: Int
  private var keys: [KeyList?]
  private var inputs: [String: [TypedValue]] = [:]
  private var echoes: [FeatureRequest.Echo] = []
  private var rowCount: Int?

  init(_ service: ServedService, rowLimit: Int) {
    self.service = service
    self.rowLimit = rowLimit
    keys = Array(repeating: nil, count: service.entities.count)
  }

  enum Column {
    /// Index into the service's entities.
    case key(Int)
    case input(RequestInput)
  }

  /// What a column of this name is for; nil where the service has no use for it.
  func column(named name: String) -> Column? {
    if let place = service.entityNames.firstIndex(where: { $0.key == name }) { return .key(place) }
    if let input = service.inputs.first(where: { $0.name == name }) { return .input(input) }
    return service.entityNames.firstIndex { $0.name == name }.map { .key($0) }
  }

  var columnNames: [String] { service.entityNames.map(\.key) + service.inputs.map(\.name) }

  private mutating func count(_ count: Int, _ name: String) throws(RequestFault) {
    guard count <= rowLimit else { throw RequestFault(422, "'\(name)' has \(count) values; a request may have \(rowLimit)") }
    guard rowCount == nil || rowCount == count else {
      throw RequestFault(422, "'\(name)' has \(count) values, and other columns have \(rowCount ?? 0)")
    }
    rowCount = count
  }

  mutating func add(keys list: KeyList, _ place: Int, _ echo: FeatureRequest.Echo) throws(RequestFault) {
    try count(list.count, echo.name)
    guard keys[place] == nil else { throw RequestFault(422, "'\(echo.name)' is there twice") }
    keys[place] = list
    echoes.append(echo)
  }

  mutating func add(_ values: [TypedValue], of input: RequestInput, _ echo: FeatureRequest.Echo) throws(RequestFault) {
    try count(values.count, echo.name)
    guard inputs[input.name] == nil else { throw RequestFault(422, "'\(echo.name)' is there twice") }
    for value in values where value != .null && !input.kind.takes(value) {
      throw RequestFault(422, "input '\(input.name)': expected \(input.kind.phrase), found \(String(value.text.prefix(80)))")
    }
    inputs[input.name] = values
    echoes.append(echo)
    echoes[echoes.count - 1].isKey = false
  }

  /// The request; every key and input must be there.
  func finish(usesFullNames: Bool) throws(RequestFault) -> FeatureRequest {
    for (place, keys) in keys.enumerated() where keys == nil {
      throw RequestFault(422, "the keys of '\(service.entityNames[place].key)' are missing")
    }
    for input in service.inputs where inputs[input.name] == nil {
      throw RequestFault(422, "input '\(input.name)' is missing: expected \(input.kind.phrase), or null where it is not known")
    }
    if !usesFullNames, let name = service.ambiguousName {
      throw RequestFault(422, "two views have a feature '\(name)'; ask with \"full_feature_names\": true")
    }
    return FeatureRequest(
      service: service, keys: keys.compactMap { $0 }, rowCount: rowCount ?? 1, inputs: inputs, echoes: echoes,
      usesFullNames: usesFullNames)
  }
}

extension RequestInput.Kind {
  /// Whether a value that is not null is one of this kind; as `RequestExpressions` has it.
  func takes(_ value: TypedValue) -> Bool {
    switch (self, value) {
    case (.bool, .bool), (.integer, .integer), (.timestamp, .integer), (.string, .string), (.double, .integer): true
    case (.integer, .double(let value)), (.timestamp, .double(let value)): Int64(exactly: value) != nil
    case (.double, .double(let value)): value.isFinite
    case (.timestamp, .string(let text)): TimeText.milliseconds(fromRFC3339: text) != nil
    default: false
    }
  }

  /// A text, of a query or a command line, as a value of this kind; nil where it is none. `null` is null, but of a string.
  func value(ofText text: String) -> TypedValue? {
    if self == .string { return .string(text) }
    switch text {
    case "null", "": return .null
    case "true": return self == .bool ? .bool(true) : nil
    case "false": return self == .bool ? .bool(false) : nil
    default: break
    }
    if let integer = Int64(text), takes(.integer(integer)) { return .integer(integer) }
    if self == .timestamp, takes(.string(text)) { return .string(text) }
    guard self != .timestamp, let double = Double(text), takes(.double(double)) else { return nil }
    return .double(double)
  }
}

extension FeatureRequest {
  /// The request of `GET /features/{service}/{key}`, or of `freshet get`: texts for what the service needs. `key` is the service's first entity.
  ///
  /// - Parameter pairs: Names and values, in order; a key that stands there more than once asks for as many rows, for which inputs are the same.
  init(_ service: ServedService, key: [UInt8]?, pairs: [(name: [UInt8], value: [UInt8])], rowLimit: Int) throws(RequestFault) {
    var builder = FeatureRequestBuilder(service, rowLimit: rowLimit)
    var keys: [KeyList] = service.entities.map { _ in KeyList() }
    if let key {
      guard !service.entities.isEmpty else { throw RequestFault(422, "service '\(service.name)' has no entity, and takes no key") }
      keys[0].append(key)
    }
    var inputs: [(input: RequestInput, value: TypedValue)] = []
    for pair in pairs {
      let name = String(decoding: pair.name, as: UTF8.self)
      switch name == "key" && !service.entities.isEmpty ? .key(0) : builder.column(named: name) {
      case .key(let place): keys[place].append(pair.value)
      case .input(let input):
        let text = String(decoding: pair.value, as: UTF8.self)
        guard let value = input.kind.value(ofText: text) else {
          throw RequestFault(422, "input '\(name)': expected \(input.kind.phrase), found '\(text.prefix(80))'")
        }
        inputs.append((input, value))
      case nil:
        throw RequestFault(
          422, "there is no key or input '\(name.prefix(100))'; there is \(builder.columnNames.joined(separator: ", "))")
      }
    }
    let rowCount = keys.map(\.count).max() ?? 1
    for (place, list) in keys.enumerated() where list.count > 0 {
      // One key of another entity goes with all.
      var list = list
      if list.count == 1, rowCount <= rowLimit { for _ in 1..<max(rowCount, 1) { list.append(list.key(0)) } }
      try builder.add(keys: list, place, Self.echo(service.entityNames[place].key, list))
    }
    for (input, value) in inputs {
      let values = Array(repeating: value, count: min(rowCount, rowLimit))
      try builder.add(values, of: input, Echo(name: input.name, values: KeyList(values.map(\.text))))
    }
    self = try builder.finish(usesFullNames: true)
  }

  private static func echo(_ name: String, _ keys: KeyList) -> Echo {
    let out = ByteBuffer()
    var values = KeyList()
    for index in 0..<keys.count {
      out.removeAll()
      keys.bytes.withUnsafeBufferPointer {
        ServedFormat.appendString(UnsafeBufferPointer(rebasing: $0[keys.range(index)]), to: out)
      }
      values.append(out.bytes)
    }
    return Echo(name: name, values: values)
  }
}
