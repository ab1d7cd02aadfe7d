// One file of an archive, as a line of its partition's manifest says it. The line is what makes the file part of the archive.
//
//   {path}/{source}/dt=2026-01-31/hr=07/{source}-p00003-{first}-{last}.ndjson.zst
//   {path}/_freshet/{source}/p00003.manifest         one line of JSON per file, in the order of offsets

import Base
import Compression
import Features
import Records

/// Offsets that no line of a file stands for: Kafka never gave a record there, or one without a value.
public struct OffsetGap: Equatable, Sendable {
  public var first: Offset
  public var count: Int64

  public init(first: Offset, count: Int64) {
    self.first = first
    self.count = count
  }
}

/// A contiguous range of offsets of one partition, in a file of one line per record.
public struct ArchivedFile: Equatable, Sendable {
  public var source: String
  public var partition: PartitionIndex
  /// Under the archive's directory.
  public var path: String
  /// The name under which it was written, in the folder of unfinished files; it stays there only where a commit was cut off.
  public var partName: String
  /// `first..<next` are accounted for, be it by a line or by a gap.
  public var first: Offset
  public var next: Offset
  /// Lines.
  public var recordCount: Int64
  /// Of the lines, before compression.
  public var byteCount: Int64
  /// As it lies on the disk.
  public var storedByteCount: Int64
  /// The least and the greatest event time, in ms; nil where no record has one.
  public var minTime: Int64?
  public var maxTime: Int64?
  /// In ascending order.
  public var gaps: [OffsetGap]
  /// When it was committed, in ms.
  public var writtenAt: Int64

  public init(
    source: String, partition: PartitionIndex, path: String, partName: String = "", first: Offset, next: Offset, recordCount: Int64,
    byteCount: Int64, storedByteCount: Int64 = 0, minTime: Int64? = nil, maxTime: Int64? = nil, gaps: [OffsetGap] = [],
    writtenAt: Int64 = 0
  ) {
    self.source = source
    self.partition = partition
    self.path = path
    self.partName = partName
    self.first = first
    self.next = next
    self.recordCount = recordCount
    self.byteCount = byteCount
    self.storedByteCount = storedByteCount
    self.minTime = minTime
    self.maxTime = maxTime
    self.gaps = gaps
    self.writtenAt = writtenAt
  }

  /// Offsets in gaps.
  public var missingCount: Int64 { gaps.reduce(0) { $0 + $1.count } }

  /// Why the parts of this do not fit together; nil where they do.
  var contradiction: String? {
    guard first >= 0, next > first else { return "the offsets \(first) to \(next) are no range" }
    guard recordCount >= 0, byteCount >= recordCount else { return "\(byteCount) bytes cannot be \(recordCount) lines" }
    var end = first
    for gap in gaps {
      guard gap.first >= end, gap.count > 0, gap.count <= next - gap.first else {
        return "the gap [\(gap.first), \(gap.count)] is out of place"
      }
      end = gap.first + gap.count
    }
    guard next - first - missingCount == recordCount else {
      return "\(next - first) offsets with \(missingCount) in gaps are not \(recordCount) records"
    }
    guard (minTime == nil) == (maxTime == nil), minTime ?? 0 <= maxTime ?? 0 else { return "the event times are no range" }
    let expected = ArchiveLayout.fileName(source: source, partition: partition, first: first, last: next - 1)
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    let stem = parts.last.map { $0.prefix { $0 != "." } } ?? ""
    guard parts.count == 4, parts[0] == source, parts[1].hasPrefix("dt="), parts[2].hasPrefix("hr="), stem == expected else {
      return "'\(path)' is not the name of such a file"
    }
    guard !partName.contains("/"), partName != "..", partName != "." else { return "'\(partName)' is not the name of a part" }
    return nil
  }
}

/// Where the parts of an archive lie.
enum ArchiveLayout {
  static let controlFolder = "_freshet"
  /// What Hive, Spark, DuckDB and pyarrow read as null: no record had an event time yet.
  static let unknownHour = "dt=__HIVE_DEFAULT_PARTITION__/hr=__HIVE_DEFAULT_PARTITION__"
  static let hourMilliseconds: Int64 = 3_600_000

  static func controlFolder(_ path: String, source: String) -> String { "\(path)/\(controlFolder)/\(source)" }
  static func partFolder(_ path: String, source: String) -> String { "\(controlFolder(path, source: source))/parts" }
  static func manifestName(_ partition: PartitionIndex) -> String { "p\(padded(Int64(partition), 5)).manifest" }

  static func manifestPath(_ path: String, source: String, _ partition: PartitionIndex) -> String {
    "\(controlFolder(path, source: source))/\(manifestName(partition))"
  }

  /// The partition whose manifest has this name.
  static func partition(ofManifest name: String) -> PartitionIndex? {
    guard name.hasPrefix("p"), name.hasSuffix(".manifest"), let number = PartitionIndex(name.dropFirst().dropLast(9)), number >= 0,
      manifestName(number) == name
    else { return nil }
    return number
  }

  /// Without the ending.
  static func fileName(source: String, partition: PartitionIndex, first: Offset, last: Offset) -> String {
    "\(source)-p\(padded(Int64(partition), 5))-\(padded(first, 20))-\(padded(last, 20))"
  }

  /// `dt=YYYY-MM-DD/hr=HH` of an hour since the epoch, UTC; nil stands for no event time.
  static func hourFolder(_ hour: Int64?) -> String {
    guard let hour else { return unknownHour }
    let date = CivilDate(daysSinceEpoch: floorDivide(hour, 24))
    let year = date.year < 0 ? "-\(padded(Int64(-date.year), 4))" : padded(Int64(date.year), 4)
    return "dt=\(year)-\(padded(Int64(date.month), 2))-\(padded(Int64(date.day), 2))/hr=\(padded(floorMod(hour, 24), 2))"
  }

  static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = "\(number)"
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
