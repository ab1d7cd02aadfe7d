// What a format has to offer to whoever reads columns: called once per batch, so that a format costs nothing per record.

import Base
import Records

/// Bytes of one format -> columns. Belongs to one thread.
public protocol RecordDecoder: AnyObject {
  /// `columns.column(i)` takes the field at `paths[i]`.
  var paths: [FieldPath] { get }

  /// Gives `columns` one row per record of `batch`. Values point into the batch, into the columns or into the decoder: they hold until one of
  /// them is filled again. A record that is not `.valid` has only missing values. Throws where nothing can be read at all, as without a
  /// schema registry.
  func decode(_ batch: RecordBatch, into columns: Columns) throws(Failure)

  /// What is wrong with the value of record `row`, for a person: `malformed JSON at byte 7: ...`.
  func explanation(ofRow row: Int, in batch: RecordBatch) -> String

  /// How a record's value is shown in messages, on one line; nil where there is nothing to show.
  func excerpt(ofRow row: Int, in batch: RecordBatch) -> String?
}

extension JSONColumnReader: RecordDecoder {
  public func explanation(ofRow row: Int, in batch: RecordBatch) -> String {
    fault(in: batch.value(row)).map { "malformed JSON at \($0)" } ?? "expected a JSON object"
  }

  public func excerpt(ofRow row: Int, in batch: RecordBatch) -> String? {
    let value = batch.value(row)
    let text = String(decoding: value.prefix(120), as: UTF8.self)
    let line = String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "\u{FFFD}" : $0 }))
    return value.count > 120 ? line + "..." : line
  }
}
