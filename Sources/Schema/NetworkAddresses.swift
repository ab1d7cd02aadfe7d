// Addresses as texts made of parts: public ones, and those of a network in CIDR notation (RFC 4632, RFC 4291). IPv6 texts are in the canonical
// form of RFC 5952: lower case, no leading zeros, the longest run of zero groups as `::`. Generated groups are never zero.

enum NetworkAddresses {
  private static let hexDigits = Array("0123456789abcdef")
  private static let dot = TextPiece.literal(".")

  // MARK: - Public addresses

  /// Any public IPv4 address: none of the blocks that the IANA registry of special-purpose addresses (RFC 6890) holds, no multicast, and no last
  /// octet 0 or 255.
  static var publicV4: [TextPiece] {
    let special: Set<Int64> = [10, 100, 127, 169, 172, 192, 198, 203]
    let plain = (Int64(1)...223).filter { !special.contains($0) }
    // First octets of which only a part is public, and the second octets that are.
    let partly: [(first: Int64, second: [ClosedRange<Int64>])] = [
      (100, [0...63, 128...255]), (169, [0...253, 255...255]), (172, [0...15, 32...255]), (192, [1...87, 89...167, 169...255]),
      (198, [0...17, 20...50, 52...255]), (203, [1...255]),
    ]
    let octet = TextPiece.value(.integer(0...255))
    let last = TextPiece.value(.integer(1...254))
    let first = FieldGenerator.choice(plain.map { .integer($0) }, weights: [Double](repeating: 1, count: plain.count))
    var alternatives: [[TextPiece]] = [[.value(first), dot, octet, dot, octet, dot, last]]
    var weights = [Double(plain.count * 256)]
    for block in partly {
      for range in block.second {
        alternatives.append([.literal("\(block.first)."), .value(.integer(range)), dot, octet, dot, last])
        weights.append(Double(range.count))
      }
    }
    return [.alternatives(alternatives, weights: weights)]
  }

  /// A global unicast IPv6 address in the blocks of the regional registries (2400::/8, 2600::/8, 2800::/8, 2a00::/8, 2c00::/8).
  static var publicV6: [TextPiece] {
    var pieces: [TextPiece] = [.literal("2"), .characters(Array("468ac"), count: 1...1), .characters(hexDigits, count: 2...2)]
    for _ in 0..<7 { pieces += [.literal(":")] + group }
    return pieces
  }

  /// Four hexadecimal digits, the first not 0.
  private static var group: [TextPiece] {
    [.characters(Array(hexDigits.dropFirst()), count: 1...1), .characters(hexDigits, count: 3...3)]
  }

  // MARK: - Networks

  /// Addresses in `10.0.0.0/8` or `2001:db8::/32`; nil where the text is no network. Bits behind the prefix are ignored.
  static func pieces(ofNetwork text: String) -> [TextPiece]? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (48...57).contains($0) }),
      let prefix = Int(parts[1])
    else { return nil }
    if parts[0].contains(":") {
      guard prefix <= 128, let groups = v6Groups(parts[0]) else { return nil }
      return v6(groups, prefix: prefix)
    }
    guard prefix <= 32, let octets = v4Octets(parts[0]) else { return nil }
    return v4(octets, prefix: prefix)
  }

  /// The network's own address and that for all of it are left out, where there are others.
  private static func v4(_ octets: [Int], prefix: Int) -> [TextPiece] {
    var pieces: [TextPiece] = []
    for (index, octet) in octets.enumerated() {
      if index > 0 { pieces.append(dot) }
      let fixedBits = min(max(prefix - index * 8, 0), 8)
      let size = 1 << (8 - fixedBits)
      var low = octet & ~(size - 1)
      var high = low + size - 1
      if index == 3, size > 2 {
        low += 1
        high -= 1
      }
      pieces.append(low == high ? .literal("\(low)") : .value(.integer(Int64(low)...Int64(high))))
    }
    return pieces
  }

  private static func v6(_ groups: [Int], prefix: Int) -> [TextPiece] {
    let fixedGroups = prefix / 16
    let fixed = groups.prefix(fixedGroups).map { String($0, radix: 16) }
    // The longest run of zero groups, the first of those of the same length.
    var run: (start: Int, count: Int) = (0, 0)
    var start = 0
    while start < fixed.count {
      let zeros = fixed[start...].prefix { $0 == "0" }.count
      if zeros > run.count { run = (start, zeros) }
      start += max(zeros, 1)
    }
    var pieces: [TextPiece] = []
    if run.count >= 2 {
      let head = fixed[..<run.start].joined(separator: ":")
      let tail = fixed[(run.start + run.count)...].joined(separator: ":")
      pieces.append(.literal(head + "::" + tail + (fixedGroups < 8 && !tail.isEmpty ? ":" : "")))
    } else if !fixed.isEmpty {
      pieces.append(.literal(fixed.joined(separator: ":") + (fixedGroups < 8 ? ":" : "")))
    }
    for index in fixedGroups..<8 {
      if index > fixedGroups { pieces.append(.literal(":")) }
      pieces += index == fixedGroups && prefix % 16 > 0 ? partial(groups[index], fixedBits: prefix % 16) : group
    }
    return pieces
  }

  /// A group of which the first bits are fixed.
  private static func partial(_ group: Int, fixedBits: Int) -> [TextPiece] {
    var pieces: [TextPiece] = []
    for digit in 0..<4 {
      let bits = min(max(fixedBits - digit * 4, 0), 4)
      let size = 1 << (4 - bits)
      let low = group >> (12 - digit * 4) & 0xf & ~(size - 1)
      var choices = Array(hexDigits[low..<low + size])
      if pieces.isEmpty, choices[0] == "0" {
        choices.removeFirst()
        if choices.isEmpty { continue }
      }
      pieces.append(choices.count == 1 ? .literal(String(choices)) : .characters(choices, count: 1...1))
    }
    return pieces
  }

  // MARK: - Parsing

  private static func v4Octets(_ text: Substring) -> [Int]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let octets = parts.compactMap { part -> Int? in
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(part) else {
        return nil
      }
      return value <= 255 ? value : nil
    }
    return parts.count == 4 && octets.count == 4 ? octets : nil
  }

  private static func v6Groups(_ text: Substring) -> [Int]? {
    func groups(_ text: Substring) -> [Int]? {
      if text.isEmpty { return [] }
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      let values = parts.compactMap { (1...4).contains($0.utf8.count) && $0.allSatisfy(\.isHexDigit) ? Int($0, radix: 16) : nil }
      return values.count == parts.count ? values : nil
    }
    let sides = text.components(around: "::")
    guard sides.count <= 2 else { return nil }
    guard let head = groups(sides[0]) else { return nil }
    guard sides.count == 2 else { return head.count == 8 ? head : nil }
    guard let tail = groups(sides[1]), head.count + tail.count < 8 else { return nil }
    return head + [Int](repeating: 0, count: 8 - head.count - tail.count) + tail
  }
}

extension Substring {
  /// The parts between the occurrences of `separator`.
  fileprivate func components(around separator: String) -> [Substring] {
    split(separator: separator, omittingEmptySubsequences: false)
  }
}
