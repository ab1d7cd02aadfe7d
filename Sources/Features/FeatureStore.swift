// Where feature rows go, as the rooms that make them see it.

import Base
import Records

/// Where feature rows go.
public protocol FeatureStore: AnyObject {
  /// Where this writes to, secrets redacted.
  var name: String { get }

  /// Writes all rows; on return the store has confirmed every one of them.
  func write(_ rows: FeatureRowBatch) throws

  /// Called once, after the last write.
  func close() throws
}

/// What a store needs to know of a view to write its rows.
public struct StoredView: Sendable {
  public var name: String
  /// Nil for `entity: all`.
  public var keyFieldName: String?
  public var featureNames: [String]
  public var timeToLiveMilliseconds: Int64?

  public init(name: String, keyFieldName: String?, featureNames: [String], timeToLiveMilliseconds: Int64?) {
    self.name = name
    self.keyFieldName = keyFieldName
    self.featureNames = featureNames
    self.timeToLiveMilliseconds = timeToLiveMilliseconds
  }

  public init(_ view: FeatureView, entities: [FeatureEntity]) {
    name = view.name
    keyFieldName = view.entity.map { entities[$0].keyFieldName }
    featureNames = view.features.map(\.name)
    timeToLiveMilliseconds = view.entity.flatMap { entities[$0].timeToLiveMilliseconds }
  }
}
