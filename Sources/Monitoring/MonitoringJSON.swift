// The JSON of status documents and snapshots: snake case, keys in a fixed order, nothing where a value is nil.

import Foundation

public enum MonitoringJSON {
  public static func data(of document: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(document)
  }

  public static func decode<Document: Decodable>(_ type: Document.Type, from data: Data) throws -> Document {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: data)
  }
}
