// A schema and the wanted fields, compiled: flat operations for the way through the records to what is wanted, and a flat table of types for
// everything that is passed over or taken as JSON.
//
//   record click { id: string, at: long, price: [null, double], tags: array<string> }   wanted: at, price
//
//     skipBytes 1 | takeLong -> 0 | takeDouble, null is branch 0 -> 1 | skipType tags | end
//
// Types that contain themselves, and maps, are subroutines: they end with an `end` of their own.

import Records

/// What one operation does; the record's bytes stand at the cursor.
enum AvroAction: UInt8, BitwiseCopyable {
  case end
  /// `argument` of them, one behind the other.
  case skipLongs, skipBytes
  /// `argument` bytes.
  case skipFixed
  /// `argument` is a type.
  case skipType
  case takeInt, takeLong, takeFloat, takeDouble, takeBool, takeString
  /// `argument` is the type, whatever it is.
  case takeType
  /// The same, and the cursor stays where it was: fields of the type are wanted, too.
  case takeTypeAndStay
  /// `argument` is where the branches' addresses stand in `jumps`: their count, then one each.
  case union
  /// `argument` is an operation.
  case jump
  /// `argument` is where three numbers stand in `jumps`: the count of wanted keys, the first of them in `keys`, and the type of the values.
  case map
  /// There is no record: `argument` is its `RecordStatus`.
  case noRecord
}

/// One operation: 20 bytes.
struct AvroOperation: BitwiseCopyable {
  /// Where the value can be null: the byte of null's branch, 0 or 2; the value's own branch is the other.
  static let neverNull: UInt8 = 0xFF

  var action: AvroAction
  var nullByte = Self.neverNull
  /// -1 where nothing is stored.
  var column: Int32 = -1
  var argument: Int32 = 0
  /// Index into the names of fields, for messages.
  var name: Int32 = 0
}

/// What a type is, for those operations that do not know beforehand.
enum AvroShape: UInt8, BitwiseCopyable {
  case null, boolean, int, long, float, double, bytes, string, fixed, enumeration, array, map, union, record
}

struct AvroTypeNode: BitwiseCopyable {
  var shape: AvroShape
  var meaning: AvroSchema.Meaning
  /// Values take no bytes: nulls, fixed of no size, records of nothing else.
  var isEmpty = false
  /// Bytes of a fixed; items, branches, fields, symbols of others.
  var count: Int32 = 0
  /// Of branches and fields: where their types stand in `children`; of an array or a map: the type of its items.
  var first: Int32 = 0
  /// Of fields (as `"name":`) and symbols: where their texts begin in `texts`.
  var firstText: Int32 = 0
  var scale: Int32 = 0
}

/// A text that the program owns.
struct AvroText: BitwiseCopyable {
  var start: UnsafePointer<UInt8>
  var count: Int
}

/// A wanted key of a map and the subroutine that takes its value.
struct AvroMapKey: BitwiseCopyable {
  var text: AvroText
  var address: Int32
  /// The columns that it fills, in `jumps`: a key that comes again replaces all of them.
  var firstColumn: Int32
  var columnCount: Int32
}

final class AvroProgram {
  /// How deep types may lie in each other in a record.
  static let depthMax = 128

  let operations: UnsafeMutablePointer<AvroOperation>
  let operationCount: Int
  let jumps: UnsafeMutablePointer<Int32>
  let keys: UnsafeMutablePointer<AvroMapKey>
  let nodes: UnsafeMutablePointer<AvroTypeNode>
  let children: UnsafeMutablePointer<Int32>
  let texts: UnsafeMutablePointer<AvroText>
  let columnCount: Int
  let schema: AvroSchema
  /// `properties.price`, by `AvroOperation.name`.
  let names: [String]
  private var allocations: [UnsafeMutableRawPointer] = []

  /// `columns.column(i)` takes the field at `paths[i]`; what is not in the schema stays missing.
  init(_ schema: AvroSchema, paths: [FieldPath]) throws(AvroSchemaError) {
    var compiler = AvroCompiler(schema)
    compiler.compile(paths)
    guard !compiler.isTooLarge else { throw AvroSchemaError("the unions on the way to the fields have too many branches") }
    self.schema = schema
    names = compiler.names
    columnCount = paths.count
    operationCount = compiler.operations.count
    var owned: [UnsafeMutableRawPointer] = []
    operations = Self.copy(compiler.operations, &owned)
    jumps = Self.copy(compiler.jumps, &owned)
    nodes = Self.copy(compiler.nodes, &owned)
    children = Self.copy(compiler.children, &owned)
    texts = Self.copy(compiler.texts.map { Self.text($0, &owned) }, &owned)
    keys = Self.copy(
      compiler.keys.map { key in
        AvroMapKey(
          text: Self.text(key.name, &owned), address: key.address, firstColumn: key.firstColumn, columnCount: key.columnCount)
      }, &owned)
    allocations = owned
  }

  deinit { for allocation in allocations { allocation.deallocate() } }

  private static func copy<Element: BitwiseCopyable>(
    _ elements: [Element], _ owned: inout [UnsafeMutableRawPointer]
  ) -> UnsafeMutablePointer<Element> {
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: max(1, elements.count))
    owned.append(UnsafeMutableRawPointer(memory))
    for (index, element) in elements.enumerated() { (memory + index).initialize(to: element) }
    return memory
  }

  private static func text(_ text: String, _ owned: inout [UnsafeMutableRawPointer]) -> AvroText {
    let bytes = copy(Array(text.utf8), &owned)
    return AvroText(start: UnsafePointer(bytes), count: text.utf8.count)
  }
}
