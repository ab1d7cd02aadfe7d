// A pipeline's rows as its Redis holds them, read back view by view.

import Base
import Features
import Foundation
import RedisStore
import Verification

struct StoredRows {
  private let reader: RedisReader
  private let pipeline: PipelineDefinition
  private let prefix: String
  /// The address, without secrets.
  let name: String

  /// - Parameter address: `redis` for the pipeline's own sink, or an address.
  init(_ address: String, of pipeline: PipelineDefinition) throws {
    if case .feast? = pipeline.sink?.layout {
      throw Failure(
        .usage,
        "pipeline '\(pipeline.name)' writes rows as Feast reads them ('layout: feast'), which are not read back here; "
          + "give --rows FILE, with what 'process --to stdout' prints")
    }
    prefix = pipeline.sink?.prefix ?? "fv"
    var text = address
    if address == "redis" {
      guard let sink = pipeline.sink else {
        throw Failure(.usage, "pipeline '\(pipeline.name)' has no 'sink:'; say where its rows are, such as redis://HOST:PORT")
      }
      text = sink.url
    }
    let connection = try RedisConnection(
      RedisAddress(text), password: RedisAddress.password(environment: ProcessInfo.processInfo.environment))
    name = connection.name
    reader = RedisReader(connection)
    self.pipeline = pipeline
  }

  /// Hands over the rows of the views of `source`, of that called `viewName` where one is named.
  func read(source: Int, viewName: String?, _ body: (FoundRow) -> Void) throws {
    for view in pipeline.views where view.source == source && (viewName == nil || view.name == viewName) {
      let start = "\(prefix):\(view.name)"
      let isSingle = view.entity == nil && view.trigger == .change
      let keys = isSingle ? [start] : try reader.keys(matching: Self.escaped(start) + ":*").sorted()
      for first in stride(from: 0, to: keys.count, by: 1000) {
        let part = Array(keys[first..<min(first + 1000, keys.count)])
        for (key, fields) in zip(part, try reader.hashes(part)) where !fields.isEmpty {
          if let row = Self.row(view, isSingle ? "" : String(key.dropFirst(start.count + 1)), fields) { body(row) }
        }
      }
    }
  }

  /// Nil where the key is not one of the view's rows.
  private static func row(_ view: FeatureView, _ rest: String, _ fields: [String: String]) -> FoundRow? {
    var row = FoundRow(view: view.name, key: rest, window: nil, asOf: fields["_as_of"].flatMap { Int64($0) }, values: [:])
    if view.trigger == .close {
      // The end stands nowhere but in `_as_of`, the last millisecond of the window.
      let place = rest.lastIndex(of: ":")
      guard let start = Int64(place.map { rest[rest.index(after: $0)...] } ?? rest[...]), let asOf = row.asOf, asOf >= start - 1
      else {
        return nil
      }
      row.key = place.map { String(rest[..<$0]) } ?? ""
      row.window = start..<asOf + 1
    }
    for feature in view.features { row.values[feature.name] = FoundValue(stored: fields[feature.name]) }
    return row
  }

  /// A text that a glob pattern matches as it is.
  private static func escaped(_ text: String) -> String {
    text.map { "*?[]\\^".contains($0) ? "\\\($0)" : "\($0)" }.joined()
  }
}
