// What rows of a view cost in Redis, estimated from the layout: bytes on the wire, and bytes of memory by how Redis 7 keeps small hashes (one
// listpack, with a length byte before and a back length behind each text).

import Features

public struct RowCost: Sendable, Equatable {
  /// Bytes of one row in the command that writes it; the names of the fields are sent once per command.
  public var wireByteCount: Int
  /// Bytes that a row takes in Redis.
  public var memoryByteCount: Int
  /// The key of a row, with `<...>` for the entity's key.
  public var key: String

  /// A field of a listpack is at most this long; a longer one makes Redis keep the row as a hash table.
  static let listpackValueByteCountMax = 64

  /// - Parameters:
  ///   - keyByteCount: Bytes of the entity's key.
  ///   - valueByteCounts: Per feature: bytes of a typical value as text; 0 for one that is usually null.
  public init(_ view: StoredView, prefix: String, isWindow: Bool, keyByteCount: Int, valueByteCounts: [Int]) {
    let keyed = view.keyFieldName.map { ":<\($0)>" } ?? ""
    key = "\(prefix):\(view.name)\(keyed)\(isWindow ? ":<window_start>" : "")"
    let entityByteCount = view.keyFieldName == nil ? 0 : 1 + keyByteCount
    let keyLength = prefix.utf8.count + 1 + view.name.utf8.count + entityByteCount + (isWindow ? 14 : 0)
    let times = ["_as_of", "_last_event", "_written_at"]

    // `$LENGTH\r\n...\r\n` around each.
    wireByteCount = keyLength + 7 + valueByteCounts.reduce(0) { $0 + $1 + 6 } + 2 * (13 + 7) + 6

    var fields = zip(view.featureNames, valueByteCounts).filter { $1 > 0 }.map { Self.entry($0.utf8.count) + Self.entry($1) }
    // A time in ms is kept as a 64-bit integer.
    fields += times.map { Self.entry($0.utf8.count) + 10 }
    // `PARTITION:OFFSET`
    fields.append(Self.entry("_position".utf8.count) + Self.entry(12))
    let isTable = fields.count > 128 || valueByteCounts.contains { $0 > Self.listpackValueByteCountMax }
    let content = isTable ? fields.reduce(0) { $0 + $1 + 72 } + 128 : Self.allocation(7 + fields.reduce(0, +))
    // The object, the entry of the key space, the key's text, and where rows expire the entry of the expiry.
    let expiry = view.timeToLiveMilliseconds == nil ? 0 : 32
    memoryByteCount = content + 16 + 32 + Self.allocation(keyLength + 4) + expiry
  }

  /// A text with its length and its way back.
  private static func entry(_ byteCount: Int) -> Int { byteCount + (byteCount < 64 ? 2 : 4) }

  /// What the allocator gives for so many bytes: four sizes between powers of two.
  private static func allocation(_ byteCount: Int) -> Int {
    guard byteCount > 16 else { return max(8, byteCount) }
    var step = 16
    while step * 8 < byteCount { step *= 2 }
    return (byteCount + step - 1) / step * step
  }
}
