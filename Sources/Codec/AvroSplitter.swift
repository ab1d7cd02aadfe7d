// Finds where records end that stand one behind the other, as in the blocks of a container file: nothing between them says so, only the schema.

import Base
import Records

/// Belongs to one thread.
public final class AvroSplitter {
  private let program: AvroProgram
  private let text = DeferredText()

  /// Throws where the schema cannot be used.
  public init(_ schema: AvroSchema) throws(AvroSchemaError) {
    guard schema.hasFields else { throw AvroSchemaError("the schema is no record, but \(schema.rootName)") }
    program = try AvroProgram(schema, paths: [])
  }

  /// Finds the records at the beginning of `bytes`, behind which 10 more must be readable: calls `body` with the bytes of each, up to
  /// `maximumCount` of them. Returns what is wrong with the record behind the last one, nil where nothing is.
  public func split(
    _ bytes: UnsafeBufferPointer<UInt8>, maximumCount: Int, _ body: (_ start: Int, _ byteCount: Int) -> Void
  ) -> AvroFault? {
    guard let base = bytes.baseAddress else { return nil }
    var scanner = AvroScanner(program, values: nil, stride: 0, text: text, end: base + bytes.count)
    var start = base
    for _ in 0..<maximumCount {
      guard let end = scanner.recordEnd(start) else {
        return AvroFault(byteIndex: scanner.faultPosition - base, reason: scanner.faultReason, field: scanner.faultField)
      }
      body(start - base, end - start)
      start = end
    }
    return nil
  }
}
