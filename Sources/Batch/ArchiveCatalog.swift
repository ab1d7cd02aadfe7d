// What an archive holds of one source, by its manifests. Read once; files that are committed later are seen by the next catalog.

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public struct ArchiveCatalog: Sendable {
  /// The archive's directory.
  public let path: String
  public let source: String
  /// Those that have a manifest, in ascending order.
  public let partitions: [PartitionIndex]
  private let contents: [PartitionIndex: [ArchivedFile]]

  /// Reads the manifests. An archive that is not there is a failure that says how one is made.
  ///
  /// - Parameters:
  ///   - path: The directory, as the pipeline's `archive` has it.
  ///   - source: The name of a source.
  public init(path: String, source: String) throws(Failure) {
    self.path = path
    self.source = source
    let folder = ArchiveLayout.controlFolder(path, source: source)
    guard let names = try ArchiveFiles.names(in: folder) else {
      throw Failure(
        .noInput,
        "archive: nothing of source '\(source)' is archived in '\(path)' (there is no '\(folder)'); 'freshet process' writes the archive "
          + "of a pipeline that has 'archive:', and so does 'freshet archive'")
    }
    var contents: [PartitionIndex: [ArchivedFile]] = [:]
    for partition in names.compactMap(ArchiveLayout.partition(ofManifest:)) {
      let manifest = ArchiveLayout.manifestPath(path, source: source, partition)
      let descriptor = open(manifest, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw ArchiveFiles.failure("open", manifest) }
      defer { _ = close(descriptor) }
      let bytes = try ArchiveFiles.content(of: descriptor, manifest)
      contents[partition] = try ManifestText.read(bytes.bytes, source: source, partition: partition, name: manifest).files
    }
    self.contents = contents
    partitions = contents.keys.sorted()
  }

  private init(_ other: ArchiveCatalog, contents: [PartitionIndex: [ArchivedFile]]) {
    path = other.path
    source = other.source
    partitions = other.partitions
    self.contents = contents
  }

  /// The same with only some of the files.
  func filtered(_ isKept: (ArchivedFile) -> Bool) -> ArchiveCatalog {
    ArchiveCatalog(self, contents: contents.mapValues { $0.filter(isKept) })
  }

  /// The files of a partition, in the order of their offsets.
  public func files(of partition: PartitionIndex) -> [ArchivedFile] { contents[partition] ?? [] }

  /// The offset behind everything that is archived of a partition; nil where nothing is.
  public func nextOffset(of partition: PartitionIndex) -> Offset? { contents[partition]?.last?.next }

  /// Records of all partitions.
  public var recordCount: Int64 { contents.values.joined().reduce(0) { $0 + $1.recordCount } }

  /// The least and the greatest event time in the archive; nil where no record has one.
  public var timeRange: ClosedRange<Int64>? {
    guard let least = contents.values.joined().compactMap(\.minTime).min(),
      let greatest = contents.values.joined().compactMap(\.maxTime).max()
    else { return nil }
    return least...greatest
  }
}
