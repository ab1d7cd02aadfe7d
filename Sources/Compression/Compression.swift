// Which compression, and how hard: as people write it, and as file names say it.

/// How a stream of bytes is compressed.
public enum Compression: Equatable, Sendable {
  case none
  /// RFC 1952. Levels 1 (fast) to 9 (small).
  case gzip(level: Int)
  /// RFC 8878. Levels 1 (fast) to 19 (small).
  case zstd(level: Int)

  public static let gzipLevels = 1...9
  public static let zstdLevels = 1...19
  public static let gzip = Compression.gzip(level: 6)
  public static let zstd = Compression.zstd(level: 3)

  /// What `init(_:)` takes, for messages.
  public static let expected = "none, gzip, zstd, gzip:LEVEL (1 to 9) or zstd:LEVEL (1 to 19)"

  /// Reads `none`, `gzip`, `zstd`, `gzip:9`, `zstd:19`; nil where the text is something else or the level does not exist.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let level = parts.count == 2 ? Int(parts[1]) : nil
    if parts.count == 2, level == nil { return nil }
    switch parts[0] {
    case "none" where parts.count == 1: self = .none
    case "gzip" where Self.gzipLevels.contains(level ?? 6): self = .gzip(level: level ?? 6)
    case "zstd" where Self.zstdLevels.contains(level ?? 3): self = .zstd(level: level ?? 3)
    default: return nil
    }
  }

  /// What the end of a file's name asks for: `.gz` or `.zst`, else nothing.
  public init(fileName: String) {
    self = fileName.hasSuffix(".gz") ? .gzip : fileName.hasSuffix(".zst") ? .zstd : .none
  }

  /// A compressor for streams, nil for `none`.
  public func makeStreamCompressor() throws -> (any StreamCompressor)? {
    switch self {
    case .none: nil
    case .gzip(let level): try DeflateCompressor(level: level, wrapper: .gzip)
    case .zstd(let level): try ZstdCompressor(level: level)
    }
  }
}
