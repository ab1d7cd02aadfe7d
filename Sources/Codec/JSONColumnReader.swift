// Reads wanted fields out of JSON records (RFC 8259), one row of columns per record, in one pass over the bytes: wanted values are
// parsed where they stand, the rest is checked and passed over. Keys may come in any order. Records that look like earlier ones are compared
// with what was learned from those (`JSONSkeleton`) instead of being taken apart; what is accepted and what comes out is the same.
//
// A batch has readable bytes behind its end, but a record has other records beside it: the scanner may look past a record's end and
// believes nothing that it sees there. Whatever it refuses is read a second time from a copy that ends in zeros, so that the place and
// the reason of a fault depend on the record alone.

import Base
import Records

/// JSON bytes -> columns. Belongs to one thread; remembers the order of keys from record to record.
public final class JSONColumnReader {
  /// How deep objects and arrays may lie in each other; the record is the first.
  public static let depthMax = 256

  /// `columns.column(i)` takes the field at `paths[i]`.
  public let paths: [FieldPath]
  /// Of the last batch, how many records were read along what earlier ones had taught.
  public private(set) var followedCount = 0
  private let tree: JSONPathTree
  private let skeleton: JSONSkeleton?
  private let depths: UnsafeMutablePointer<Bool>
  private let powers = PowersOfTen.allocate()
  private let scratch = ByteBuffer()

  /// A reader of the fields at `paths`, each of which stands once; `learns` may turn off what only makes it faster.
  public init(paths: [FieldPath], learns: Bool = true) {
    self.paths = paths
    tree = JSONPathTree(paths)
    skeleton = learns ? JSONSkeleton(nodes: tree.nodes) : nil
    depths = .allocate(capacity: Self.depthMax + 1)
    depths.initialize(repeating: false, count: Self.depthMax + 1)
  }

  deinit {
    depths.deallocate()
    powers.deallocate()
  }

  /// Gives `columns` one row per record of `batch`. Strings and composites point into the batch or into `columns.text`: they hold
  /// until either is filled again. A record that is not `.valid` has only missing values.
  ///
  /// Where a key stands twice in an object, the last one counts. A number without fraction and exponent is an integer where it fits
  /// `Int64`, otherwise the nearest double; a number too large for a double makes the record malformed, wanted or not.
  public func decode(_ batch: RecordBatch, into columns: Columns) {
    precondition(columns.columnCount == paths.count, "one column per path")
    let rowCount = batch.count
    // What unescaping writes is never longer than what it reads.
    var valueByteCount = 0
    for row in 0..<rowCount { valueByteCount += Int(batch.slots[row].valueCount) }
    columns.reset(rowCount: rowCount, textByteCount: valueByteCount)
    guard rowCount > 0 else { return }
    for index in paths.indices { columns.column(index).update(repeating: ColumnValue(kind: .missing), count: rowCount) }
    let values = columns.column(0)
    var scanner = JSONScanner(
      nodes: tree.nodes, depths: depths, values: values, stride: columns.columnCount > 1 ? columns.column(1) - values : 0,
      powers: powers, text: columns.text.base)
    let base = UnsafePointer(batch.bytes.base)
    let statuses = columns.statuses
    let learns = skeleton?.isActive ?? false
    // A pointer, so that the loop counts no references.
    var steps = learns ? knownSteps : nil
    var followedCount = 0
    for row in 0..<rowCount {
      let slot = batch.slots[row]
      let start = base + Int(slot.valueStart)
      let textEnd = scanner.textEnd
      scanner.row = row
      scanner.end = start + Int(slot.valueCount)
      if slot.valueCount == 0 {
        statuses[row] = .empty
        continue
      }
      if let steps {
        if scanner.follow(steps, from: start) {
          statuses[row] = .valid
          followedCount += 1
          continue
        }
        scanner.clear(node: 0)
        scanner.textEnd = textEnd
      }
      if scanner.record(start) {
        statuses[row] = .valid
        if learns { steps = learn(UnsafeBufferPointer(start: start, count: Int(slot.valueCount))) }
      } else {
        scanner.clear(node: 0)
        scanner.textEnd = textEnd
        refuse(UnsafeBufferPointer(start: start, count: Int(slot.valueCount)), row, columns)
      }
    }
    self.followedCount = followedCount
    skeleton?.note(recordCount: rowCount, followedCount: followedCount)
    columns.text.count = scanner.textEnd - columns.text.base
  }

  /// What is wrong with a record's value, nil where it is a JSON text (an object or not). For messages: reads the value on its own.
  public func fault(in value: UnsafeBufferPointer<UInt8>) -> JSONFault? {
    scratch.removeAll()
    scratch.append(value)
    // Zeros end any token, and no valid text holds one.
    for index in 0..<ByteBuffer.padding { scratch.base[scratch.count + index] = 0 }
    let start = UnsafePointer(scratch.base)
    var scanner = JSONScanner(nodes: tree.nodes, depths: depths, values: nil, stride: 0, powers: powers, text: scratch.base)
    scanner.end = start + value.count
    if scanner.anyValue(start) { return nil }
    return JSONFault(byteIndex: min(scanner.faultPosition - start, value.count), reason: scanner.faultReason)
  }

  /// Nil where nothing has been learned.
  private var knownSteps: UnsafeMutablePointer<JSONStep>? { skeleton.flatMap { $0.stepCount > 0 ? $0.steps : nil } }

  @inline(never)
  private func learn(_ record: UnsafeBufferPointer<UInt8>) -> UnsafeMutablePointer<JSONStep>? {
    skeleton?.learn(record)
    return knownSteps
  }

  private func refuse(_ value: UnsafeBufferPointer<UInt8>, _ row: Int, _ columns: Columns) {
    if let fault = fault(in: value) {
      columns.statuses[row] = .malformed
      columns.errorByteIndex[row] = UInt32(fault.byteIndex)
    } else {
      columns.statuses[row] = .notAnObject
    }
  }
}
