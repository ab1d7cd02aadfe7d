// Independent records, at a rate of their own.

/// Records whose fields are a function of the seed, the stream and their number.
public struct StreamModel: Sendable {
  public enum Content: Sendable {
    case records
    case changes(Changes)
  }

  /// The stream is the history of an entity: its rows, then changes to them.
  public struct Changes: Sendable {
    public var entity: Int
    /// Whether all rows come first, at the stream's start, as `create`; else they exist already.
    public var hasSnapshot: Bool
    /// Indices of the entity's fields that a change draws anew; the key is not one of them.
    public var changingFields: [Int]
    /// The share of changes that delete their row: a record with a key and no value. The row comes back with its next change.
    public var deleteShare: Double
    /// Which row changes.
    public var pick: RowPick

    public init(entity: Int, hasSnapshot: Bool, changingFields: [Int], deleteShare: Double, pick: RowPick = .uniform) {
      self.entity = entity
      self.hasSnapshot = hasSnapshot
      self.changingFields = changingFields
      self.deleteShare = deleteShare
      self.pick = pick
    }
  }

  /// A row or a record that each record of the stream refers to, drawn for it.
  public struct Binding: Sendable {
    public enum Target: Sendable {
      case entity(Int, pick: RowPick)
      /// A record of the stream with this index, evenly among those of the last `withinMilliseconds`.
      case stream(Int, withinMilliseconds: Int64)
    }

    public var name: String
    public var target: Target

    public init(name: String, target: Target) {
      self.name = name
      self.target = target
    }
  }

  public var name: String
  public var load: LoadShape
  public var content: Content
  public var bindings: [Binding]
  /// Index into `EventSchema.events`.
  public var event: Int

  public init(name: String, load: LoadShape, content: Content = .records, bindings: [Binding] = [], event: Int) {
    self.name = name
    self.load = load
    self.content = content
    self.bindings = bindings
    self.event = event
  }
}
