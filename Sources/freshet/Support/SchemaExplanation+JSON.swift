// What a schema will give, as numbers.

import Foundation
import Generation
import Schema

extension SchemaExplanation {
  var json: String {
    get throws { try JSONDocument.text(of: document) }
  }

  private struct Document: Encodable {
    struct Entity: Encodable {
      var name: String
      var rows: Int
    }

    struct Event: Encodable {
      var name: String
      var share: Double
      var bytes: [String: Double]
      var keyBytes: Double?
    }

    struct Field: Encodable {
      var path: String
      var kind: String
      /// At most; absent where there is another one in each record, or nobody counts them.
      var values: Double?
      var absence: Double
      var events: [String]
    }

    struct Source: Encodable {
      var name: String
      var isSessions: Bool
      var topic: String?
      var key: String?
      var partitions: Int?
      var hottestKeyShare: Double?
      var busiestPartitionShare: Double?
      var meanPerSecond: Double
      var ratesOfFirstDay: [Double]
      var snapshot: Int
      var events: [Event]
      var fields: [Field]
    }

    var schema: String
    var seed: UInt64
    var start: Int64
    var entities: [Entity]
    var sources: [Source]
    var eventsPerSession: Double
    var sessionMs: Double
    var peakLiveSessions: Double
    var bytesPerSession: Int
    var planBytes: Int
    var memoryBytes: Double
    var recordsPerDay: Double
    var bytesPerDay: Double
    var eventsPerSecondOfOneThread: Double
  }

  private var document: Document {
    Document(
      schema: schema.name, seed: schema.seed, start: startMilliseconds,
      entities: schema.entities.map { .init(name: $0.name, rows: $0.count) },
      sources: zip(sources, measurement.keys).map { source, keys in
        let total = source.events.reduce(0) { $0 + measurement.events[$1].count }
        return .init(
          name: source.name, isSessions: source.stream == nil, topic: source.output.topic,
          key: source.output.keyPath?.joined(separator: "."), partitions: source.output.partitionCount,
          hottestKeyShare: keys.count > 0 ? keys.hottestShare : nil,
          busiestPartitionShare: keys.busiestPartitionCount.map { Double($0) / Double(max(keys.count, 1)) },
          meanPerSecond: source.meanRate, ratesOfFirstDay: source.rates, snapshot: source.snapshotCount,
          events: source.events.map { index in
            let event = measurement.events[index]
            return .init(
              name: event.name, share: Double(event.count) / Double(max(total, 1)),
              bytes: Dictionary(event.byteCounts.map { ($0.format.rawValue, $0.mean) }, uniquingKeysWith: { first, _ in first }),
              keyBytes: event.keyByteCount)
          },
          fields: source.fields.map { field in
            var values: Double?
            if case .values(let count) = field.cardinality { values = count }
            return .init(path: field.path, kind: field.kind, values: values, absence: field.absence, events: field.events)
          })
      }, eventsPerSession: forecast.eventsPerSession, sessionMs: forecast.sessionMilliseconds, peakLiveSessions: peakLiveSessions,
      bytesPerSession: forecast.bytesPerSession, planBytes: forecast.planByteCount, memoryBytes: memoryByteCount,
      recordsPerDay: meanRate * 86_400, bytesPerDay: bytesPerSecond * 86_400,
      eventsPerSecondOfOneThread: measurement.eventsPerSecond)
  }
}
