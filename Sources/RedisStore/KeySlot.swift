// Which of the 16384 slots of a Redis Cluster a key lies in: CRC16 (CCITT, XMODEM) of what stands between the first `{` and the next `}`,
// or of the whole key where that is nothing. From the Redis Cluster specification.

enum KeySlot {
  static let count = 16384

  private static let table: [UInt16] = (0..<256).map { byte in
    var value = UInt16(byte) << 8
    for _ in 0..<8 { value = value & 0x8000 != 0 ? value << 1 ^ 0x1021 : value << 1 }
    return value
  }

  static func of(_ key: String) -> Int {
    var key = key
    return key.withUTF8(of)
  }

  static func of(_ key: UnsafeBufferPointer<UInt8>) -> Int {
    var range = 0..<key.count
    if let open = key.firstIndex(of: UInt8(ascii: "{")), let close = key[(open + 1)...].firstIndex(of: UInt8(ascii: "}")),
      close > open + 1
    {
      range = open + 1..<close
    }
    var value: UInt16 = 0
    for index in range { value = value << 8 ^ table[Int(value >> 8) ^ Int(key[index])] }
    return Int(value) % count
  }
}
