// What is known of a record besides its value: where it stands, when it was written, under which key and with which headers. Fields of a
// pipeline name it with a dollar sign (`$timestamp`, `$headers.ce_type`); no field of a record's own begins with one.

/// A field that a record has whatever its format.
public enum RecordMetadata: Hashable, Sendable {
  /// Kafka's record time, ms since the epoch, UTC; missing in a file.
  case timestamp
  /// The record's key as text; missing where there is none.
  case key
  case partition
  /// Kafka's offset; in a file the byte at which a line begins, or the number of a container's record, from 0.
  case offset
  /// Missing in a file.
  case topic
  /// The last header of this name; its name may hold dots.
  case header(String)

  /// As a pipeline writes them.
  public static let names = ["$timestamp", "$key", "$partition", "$offset", "$topic", "$headers.NAME"]
}

extension FieldPath {
  /// Whether the path leads to a record's metadata, or claims to.
  public var isMetadata: Bool { components[0].hasPrefix("$") }

  /// The metadata at the path; nil where it is a field of the record's value, or there is no such metadata.
  public var metadata: RecordMetadata? {
    guard isMetadata else { return nil }
    if components[0] == "$headers" {
      return components.count > 1 ? .header(components.dropFirst().joined(separator: ".")) : nil
    }
    guard components.count == 1 else { return nil }
    switch components[0] {
    case "$timestamp": return .timestamp
    case "$key": return .key
    case "$partition": return .partition
    case "$offset": return .offset
    case "$topic": return .topic
    default: return nil
    }
  }
}
