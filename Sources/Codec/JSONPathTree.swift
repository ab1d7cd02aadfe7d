// The wanted fields as a tree of objects, and in each object the keys that were met there. A key is remembered as it stands in the text,
// with its quotes and its colon, and with the key that followed it last time: the records of one stream mostly have their keys in the same
// order, so one or two comparisons of words usually tell which key comes next, before a byte of it was scanned. A guess that does not
// match costs those comparisons; the key is then scanned and looked up.

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A key of one object: 64 bytes.
struct JSONKey: BitwiseCopyable {
  /// `"key":` as words. Up to 8 bytes: the bytes and their mask; up to 16: the first and the last word; up to 32: the first two and the
  /// last two. A key of more bytes than that has a token that matches nothing.
  var words: (UInt64, UInt64, UInt64, UInt64) = (1, 0, 0, 0)
  var tokenCount: Int32 = 0
  /// The key that followed this one last time, as an index into the node's keys.
  var next: Int32 = 0
  /// The column that takes the value, or -1.
  var column: Int32 = -1
  /// The node that the value is, if it is an object and fields of it are wanted, or -1.
  var child: Int32 = -1
  /// The key itself, unescaped.
  var bytes: UnsafePointer<UInt8>
  var byteCount: Int

  static let tokenCountMax = 32

  init(bytes: UnsafePointer<UInt8>, byteCount: Int) {
    self.bytes = bytes
    self.byteCount = byteCount
    guard byteCount + 3 <= Self.tokenCountMax else { return }
    tokenCount = Int32(byteCount + 3)
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.tokenCountMax) { token in
      token.initialize(repeating: 0)
      token[0] = UInt8(ascii: "\"")
      memcpy(token.baseAddress! + 1, bytes, byteCount)
      token[byteCount + 1] = UInt8(ascii: "\"")
      token[byteCount + 2] = UInt8(ascii: ":")
      let raw = UnsafeRawPointer(token.baseAddress!)
      let count = byteCount + 3
      func word(_ offset: Int) -> UInt64 { (raw + offset).loadUnaligned(as: UInt64.self) }
      if count <= 8 {
        words = (word(0), UInt64(littleEndian: count == 8 ? .max : (1 << UInt64(8 * count)) - 1), 0, 0)
      } else if count <= 16 {
        words = (word(0), word(count - 8), 0, 0)
      } else {
        words = (word(0), word(8), word(count - 16), word(count - 8))
      }
    }
  }

  /// Whether the text at `cursor` is this key with its quotes and its colon. Reads at most 32 bytes.
  @inline(__always)
  func matches(_ cursor: UnsafePointer<UInt8>) -> Bool {
    let raw = UnsafeRawPointer(cursor)
    let first = raw.loadUnaligned(as: UInt64.self)
    let count = Int(tokenCount)
    if count <= 8 { return first & words.1 == words.0 }
    guard first == words.0 else { return false }
    if count <= 16 { return (raw + (count &- 8)).loadUnaligned(as: UInt64.self) == words.1 }
    return (raw + 8).loadUnaligned(as: UInt64.self) == words.1
      && (raw + (count &- 16)).loadUnaligned(as: UInt64.self) == words.2
      && (raw + (count &- 8)).loadUnaligned(as: UInt64.self) == words.3
  }
}

/// One object on the way to wanted fields.
struct JSONNode: BitwiseCopyable {
  /// `keys[0]` stands for the opening brace: its `next` is the first key of the object.
  var keys: UnsafeMutablePointer<JSONKey>
  var keyCount = 1
  var keyCapacity: Int
  /// Open addressing over `keys`; 0 is a free slot.
  var slots: UnsafeMutablePointer<UInt16>
  var slotMask: Int
  /// Where the next learned key's bytes go.
  var learnedBytes: UnsafeMutablePointer<UInt8>
  /// The columns of all fields below this object.
  var columns: UnsafeMutablePointer<Int32>
  var columnCount = 0

  /// The index of the key with these bytes, 0 where it is not known.
  func find(_ bytes: UnsafePointer<UInt8>, _ byteCount: Int) -> Int {
    var slot = Int(truncatingIfNeeded: Hash.bytes(bytes, count: byteCount)) & slotMask
    // Ends: at most a quarter of the slots are taken.
    while slots[slot] != 0 {
      let index = Int(slots[slot])
      if keys[index].byteCount == byteCount, memcmp(keys[index].bytes, bytes, byteCount) == 0 { return index }
      slot = (slot + 1) & slotMask
    }
    return 0
  }

  /// Adds a key whose bytes stay where they are. Returns its index.
  mutating func add(_ key: JSONKey) -> Int {
    let index = keyCount
    keys[index] = key
    keyCount += 1
    var slot = Int(truncatingIfNeeded: Hash.bytes(key.bytes, count: key.byteCount)) & slotMask
    while slots[slot] != 0 { slot = (slot + 1) & slotMask }
    slots[slot] = UInt16(index)
    return index
  }

  /// Adds a key that nobody wants, so that it can be guessed. Returns its index, 0 where there is no room for it.
  mutating func learn(_ bytes: UnsafePointer<UInt8>, _ byteCount: Int) -> Int {
    guard keyCount < keyCapacity, byteCount + 3 <= JSONKey.tokenCountMax else { return 0 }
    memcpy(learnedBytes, bytes, byteCount)
    let key = JSONKey(bytes: learnedBytes, byteCount: byteCount)
    learnedBytes += byteCount
    return add(key)
  }
}

/// Owns the nodes. `nodes[0]` is the record.
final class JSONPathTree {
  /// How many unwanted keys are remembered per object.
  static let learnedKeyCountMax = 64

  let nodes: UnsafeMutablePointer<JSONNode>
  private let nodeCount: Int
  private var allocations: [UnsafeMutableRawPointer] = []

  /// Column `i` takes the field at `paths[i]`; each path stands once.
  init(_ paths: [FieldPath]) {
    precondition(Set(paths).count == paths.count, "each path stands once")
    // Objects by their path, in the order in which they are met; the record's path is empty.
    var objects: [[String]] = [[]]
    for path in paths {
      for depth in 1..<max(path.components.count, 1) where !objects.contains(Array(path.components.prefix(depth))) {
        objects.append(Array(path.components.prefix(depth)))
      }
    }
    nodeCount = objects.count
    nodes = .allocate(capacity: nodeCount)
    for (index, object) in objects.enumerated() {
      let below = paths.indices.filter { paths[$0].components.count > object.count && paths[$0].components.starts(with: object) }
      var names: [String] = []
      for path in below where !names.contains(paths[path].components[object.count]) {
        names.append(paths[path].components[object.count])
      }
      var node = makeNode(wantedKeyCount: names.count, columns: below)
      for name in names {
        let path = object + [name]
        var key = JSONKey(bytes: copy(name), byteCount: name.utf8.count)
        key.column = Int32(paths.firstIndex { $0.components == path } ?? -1)
        key.child = Int32(objects.firstIndex(of: path) ?? -1)
        _ = node.add(key)
      }
      nodes[index] = node
    }
  }

  deinit {
    for allocation in allocations { allocation.deallocate() }
    nodes.deallocate()
  }

  private func makeNode(wantedKeyCount: Int, columns: [Int]) -> JSONNode {
    let keyCapacity = 1 + wantedKeyCount + Self.learnedKeyCountMax
    precondition(keyCapacity < Int(UInt16.max), "too many fields of one object are wanted")
    var slotCount = 256
    while slotCount < keyCapacity * 4 { slotCount *= 2 }
    let keys = allocate(JSONKey.self, keyCapacity)
    // The brace's key matches nothing, as any key with no token.
    keys[0] = JSONKey(bytes: UnsafePointer(allocate(UInt8.self, 1)), byteCount: JSONKey.tokenCountMax)
    let slots = allocate(UInt16.self, slotCount)
    slots.initialize(repeating: 0, count: slotCount)
    let columnIndices = allocate(Int32.self, max(1, columns.count))
    for (index, column) in columns.enumerated() { columnIndices[index] = Int32(column) }
    return JSONNode(
      keys: keys, keyCapacity: keyCapacity, slots: slots, slotMask: slotCount - 1,
      learnedBytes: allocate(UInt8.self, Self.learnedKeyCountMax * JSONKey.tokenCountMax), columns: columnIndices,
      columnCount: columns.count)
  }

  private func copy(_ text: String) -> UnsafePointer<UInt8> {
    let bytes = allocate(UInt8.self, max(1, text.utf8.count))
    for (index, byte) in text.utf8.enumerated() { bytes[index] = byte }
    return UnsafePointer(bytes)
  }

  private func allocate<Element: BitwiseCopyable>(_ type: Element.Type, _ count: Int) -> UnsafeMutablePointer<Element> {
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: count)
    allocations.append(UnsafeMutableRawPointer(memory))
    return memory
  }
}
