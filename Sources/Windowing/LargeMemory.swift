// Tables that are looked into at random: with pages of 4 KiB nearly every look into one of tens of megabytes also misses the processor's
// table of addresses, with pages of 2 MiB hardly any does.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

enum LargeMemory {
  /// Below this many bytes, pages of the usual size do.
  private static let leastByteCount = 4 << 20

  /// Asks for large pages where there are many bytes; to be called before they are first touched. What the system does not do about it
  /// costs time, and nothing else.
  @inline(__always)
  static func advise(_ start: UnsafeMutableRawPointer, byteCount: Int) {
    if byteCount >= leastByteCount { askForLargePages(start, byteCount) }
  }

  #if os(Linux)
    /// `MADV_HUGEPAGE`, which the C library's headers hide behind a feature macro.
    private static let adviceHugePage: Int32 = 14
  #endif

  @inline(never)
  private static func askForLargePages(_ start: UnsafeMutableRawPointer, _ byteCount: Int) {
    #if os(Linux)
      let pageByteCount = 4096
      let first = (Int(bitPattern: start) + pageByteCount - 1) & ~(pageByteCount - 1)
      let end = (Int(bitPattern: start) + byteCount) & ~(pageByteCount - 1)
      guard end > first else { return }
      _ = madvise(UnsafeMutableRawPointer(bitPattern: first), end - first, adviceHugePage)
    #endif
  }
}
