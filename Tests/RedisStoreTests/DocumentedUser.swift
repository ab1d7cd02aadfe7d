// The ACL user that Documentation/redis.md tells people to make.

import Base
import Foundation
import Testing

@testable import RedisStore

enum DocumentedUser {
  static let name = "freshet"

  /// The page's `ACL SETUSER` line, as a command.
  static func command(password: String, prefix: String, more: [String] = []) throws -> ByteBuffer {
    let page = try String(contentsOfFile: "Documentation/redis.md", encoding: .utf8)
    let line = try #require(page.split(separator: "\n").first { $0.hasPrefix("ACL SETUSER \(name) ") })
    let words = line.split(separator: " ").map { word in
      word == ">PASSWORD" ? ">\(password)" : word == "~fv:*" ? "~\(prefix):*" : String(word)
    }
    let buffer = ByteBuffer()
    RESP.append(words + more, to: buffer)
    return buffer
  }
}
