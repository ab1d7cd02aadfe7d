// How records become bytes: what a plan can be told beside its schema's formats, and the forms that a value can have.
// A program is compiled for one format, so that all punctuation is in its literals and all choices are encoded before the first record.

import Base
import Schema

/// What surrounds a record where it goes.
public struct RecordEncoding: Sendable, Equatable {
  /// What stands around Avro's binary records.
  public enum AvroFraming: Sendable, Equatable {
    /// One object container file for all records: of several kinds, each begins with its branch of a union.
    case container
    /// A container file for each event.
    case containerPerEvent
    /// The Confluent wire format, a zero and the schema's identifier in four bytes, by index into the schema's events.
    case registry([Int: Int32])
  }

  public var avro: AvroFraming
  /// The events that are written, by index: a container for all records has their schemas, a registry their identifiers. Nil for all.
  public var events: Set<Int>?
  /// Whether a CloudEvent is one JSON document ("structured mode") rather than its data alone ("binary mode", whose attributes are headers).
  public var hasEnvelope: Bool
  /// The `id` of a CloudEvent is this, a hyphen and the record's number in the whole stream; nil for the seed.
  public var eventIdentifierPrefix: String?

  public init(avro: AvroFraming = .container, hasEnvelope: Bool = true, eventIdentifierPrefix: String? = nil) {
    self.avro = avro
    self.hasEnvelope = hasEnvelope
    self.eventIdentifierPrefix = eventIdentifierPrefix
  }

  func isWritten(_ event: Int) -> Bool { events?.contains(event) ?? true }
}

/// What a schema's CloudEvents have in common with each other, in an envelope or in headers.
public enum CloudEvent {
  /// A URI reference: `/freshet/clickstream`.
  public static func source(schemaName: String) -> String { "/freshet/" + percentEncoded(schemaName) }

  /// `clickstream.page`.
  public static func type(schemaName: String, eventName: String) -> String { "\(schemaName).\(eventName)" }

  private static func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return text.utf8.map { byte in
      let scalar = Character(UnicodeScalar(byte))
      let isPlain = byte < 128 && (scalar.isLetter || scalar.isNumber || "-._~".contains(scalar))
      return isPlain ? String(scalar) : "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
    }.joined()
  }
}

/// How a value is written.
enum ValueForm {
  /// A JSON value.
  case json
  /// What stands between the quotes of a JSON text; null is nothing.
  case jsonText
  /// The characters as they are, for a text outside JSON; null is nothing.
  case plainText
  /// A cell of a CSV line.
  case cell
  /// Avro's binary form of this type. `place` tells apart the records of a union: it is where in the event the value stands.
  case avro(AvroType, place: String)

  /// The form of one of the ways of a `one_of`.
  func way(_ index: Int) -> ValueForm {
    guard case .avro(let type, let place) = self else { return self }
    return .avro(type, place: AvroPlace.way(place, index))
  }
}
