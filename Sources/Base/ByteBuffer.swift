// A growable byte buffer with padding behind its end, so that 8-, 16- and 32-byte loads that start inside the content never leave
// the allocation. The content moves when the buffer grows: hold offsets across an append, pointers only between appends.
//
//      base                    count                 capacity
//      v                       v                     v
//      [ content               | free                | padding (64 bytes, zeroed once) ]

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Owned, growable bytes.
public final class ByteBuffer {
  /// How many bytes may be read (not relied upon) past `capacity`.
  public static let padding = 64

  public private(set) var base: UnsafeMutablePointer<UInt8>
  public private(set) var capacity: Int
  /// Bytes in use; the writer that fills `base` directly sets it.
  public var count: Int

  public init(capacity: Int = 4096) {
    precondition(capacity >= 0, "a buffer's capacity cannot be negative")
    self.capacity = max(capacity, 64)
    self.count = 0
    base = .allocate(capacity: self.capacity + Self.padding)
    base.initialize(repeating: 0, count: self.capacity + Self.padding)
  }

  deinit { base.deallocate() }

  /// Makes room for `additional` more bytes; at least doubles when it grows, so appends cost O(1) amortised.
  @inlinable
  public func reserve(_ additional: Int) {
    if count + additional > capacity { grow(toHold: count + additional) }
  }

  @usableFromInline
  func grow(toHold needed: Int) {
    let newCapacity = max(needed, capacity * 2)
    let newBase = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity + Self.padding)
    memcpy(newBase, base, count)
    // The tail is zeroed so that a wide load past the content reads defined bytes.
    memset(newBase + count, 0, newCapacity + Self.padding - count)
    base.deallocate()
    base = newBase
    capacity = newCapacity
  }

  public func removeAll() { count = 0 }

  @inlinable
  public func append(_ byte: UInt8) {
    reserve(1)
    base[count] = byte
    count += 1
  }

  @inlinable
  public func append(_ source: UnsafePointer<UInt8>, count byteCount: Int) {
    reserve(byteCount)
    memcpy(base + count, source, byteCount)
    count += byteCount
  }

  @inlinable
  public func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let start = bytes.baseAddress else { return }
    append(start, count: bytes.count)
  }

  @inlinable
  public func append(_ text: StaticString) {
    append(text.utf8Start, count: text.utf8CodeUnitCount)
  }

  public func append(_ text: String) {
    var text = text
    text.withUTF8 { append($0) }
  }

  /// The content; valid until the next append.
  @inlinable
  public var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

  /// The content as text; malformed UTF-8 is repaired with U+FFFD.
  public var string: String { String(decoding: bytes, as: UTF8.self) }
}
