// One reply of Redis, owned from the moment hiredis hands it over, and what its errors mean to a user.

import Base
import CHiredis

/// Owns a `redisReply`.
struct RedisReply: ~Copyable {
  private let pointer: UnsafeMutablePointer<redisReply>

  init(_ pointer: UnsafeMutablePointer<redisReply>) { self.pointer = pointer }

  deinit { freeReplyObject(pointer) }

  /// The error's text, nil where the reply is no error.
  var error: String? { pointer.pointee.type == REDIS_REPLY_ERROR ? Self.text(pointer) : nil }

  var isNull: Bool { pointer.pointee.type == REDIS_REPLY_NIL }

  var integer: Int64? { pointer.pointee.type == REDIS_REPLY_INTEGER ? Int64(pointer.pointee.integer) : nil }

  /// A string's or a status' text; nil for anything else.
  var text: String? { Self.isText(pointer) ? Self.text(pointer) : nil }

  /// A string's bytes, valid inside `body`.
  func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result? {
    guard Self.isText(pointer), let start = pointer.pointee.str else { return nil }
    let count = pointer.pointee.len
    return try start.withMemoryRebound(to: UInt8.self, capacity: Int(count)) {
      try body(UnsafeBufferPointer(start: $0, count: Int(count)))
    }
  }

  /// The texts of an array of strings; nil where it is not one. A nil element is an empty text.
  var texts: [String]? { Self.texts(pointer) }

  /// The texts of the array that stands at `index` of this array.
  func texts(at index: Int) -> [String]? { element(index).flatMap(Self.texts) }

  /// How many elements an array has; 0 for anything else.
  var count: Int { pointer.pointee.type == REDIS_REPLY_ARRAY ? Int(pointer.pointee.elements) : 0 }

  /// The text that stands at the end of a path into arrays of arrays.
  func text(at path: Int...) -> String? { descend(path).flatMap { Self.isText($0) ? Self.text($0) : nil } }

  func integer(at path: Int...) -> Int64? {
    descend(path).flatMap { $0.pointee.type == REDIS_REPLY_INTEGER ? Int64($0.pointee.integer) : nil }
  }

  private func descend(_ path: [Int]) -> UnsafeMutablePointer<redisReply>? {
    var at = pointer
    for index in path {
      guard at.pointee.type == REDIS_REPLY_ARRAY, index < at.pointee.elements, let next = at.pointee.element[index] else {
        return nil
      }
      at = next
    }
    return at
  }

  /// The bytes of the string that stands at `index` of this array, valid inside `body`; nil where none stands there.
  func withBytes<Result>(at index: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result? {
    guard let element = element(index), Self.isText(element), let start = element.pointee.str else { return nil }
    let count = Int(element.pointee.len)
    return try start.withMemoryRebound(to: UInt8.self, capacity: count) { try body(UnsafeBufferPointer(start: $0, count: count)) }
  }

  private func element(_ index: Int) -> UnsafeMutablePointer<redisReply>? {
    guard pointer.pointee.type == REDIS_REPLY_ARRAY, index < pointer.pointee.elements else { return nil }
    return pointer.pointee.element[index]
  }

  private static func texts(_ pointer: UnsafeMutablePointer<redisReply>) -> [String]? {
    guard pointer.pointee.type == REDIS_REPLY_ARRAY else { return nil }
    return (0..<Int(pointer.pointee.elements)).map { index in
      pointer.pointee.element[index].map { isText($0) ? text($0) : "" } ?? ""
    }
  }

  private static func isText(_ pointer: UnsafeMutablePointer<redisReply>) -> Bool {
    pointer.pointee.type == REDIS_REPLY_STRING || pointer.pointee.type == REDIS_REPLY_STATUS
  }

  private static func text(_ pointer: UnsafeMutablePointer<redisReply>) -> String {
    guard let start = pointer.pointee.str else { return "" }
    let bytes = UnsafeRawBufferPointer(start: start, count: Int(pointer.pointee.len))
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// What Redis answered instead of a result, sorted by what can be done about it.
struct RedisError {
  /// As Redis gave it, such as `WRONGTYPE Operation against a key holding the wrong kind of value`.
  let text: String

  /// A script that Redis has forgotten (restart, SCRIPT FLUSH): load it and try again.
  var isForgottenScript: Bool { text.hasPrefix("NOSCRIPT") }

  /// The slot of the key lies on another node of the cluster, or is on its way there.
  var isRedirect: Bool { ["MOVED ", "ASK ", "TRYAGAIN"].contains { text.hasPrefix($0) } }

  /// Redis will serve in a moment: it loads its data, runs a script, or a replica takes over.
  var isPassing: Bool {
    ["LOADING", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN", "BUSY ", "NOREPLICAS"].contains { text.hasPrefix($0) }
      || text.contains("Script killed by user")
  }

  /// After a failover another Redis may answer at the address, so it is to be looked up again.
  var isElsewhere: Bool {
    isReadOnly || ["LOADING", "MASTERDOWN", "CLUSTERDOWN"].contains { text.hasPrefix($0) }
  }

  private var isReadOnly: Bool { text.hasPrefix("READONLY") || text.contains("READONLY You can't write") }

  /// The failure to report; `what` says what was being done.
  func failure(_ name: String, _ what: String) -> Failure {
    let meaning: (explanation: String, code: ExitCode, isRetryable: Bool) =
      if text.hasPrefix("OOM") || text.contains("OOM command not allowed") {
        ("Redis is out of memory (maxmemory)", .unavailable, true)
      } else if isReadOnly {
        ("Redis is a read-only replica", .unavailable, true)
      } else if text.contains("WRONGTYPE") {
        ("a key of this name holds another type; choose another prefix or delete it", .failure, false)
      } else if text.hasPrefix("NOAUTH") || text.hasPrefix("WRONGPASS") || text.contains("without any password configured")
        || text.contains("invalid password") || text.hasPrefix("NOPERM")
      {
        ("Redis refuses the login or the command", .unavailable, false)
      } else if text.contains("SELECT is not allowed in cluster mode") {
        ("a Redis Cluster has no database but 0", .usage, false)
      } else if text.hasPrefix("CROSSSLOT") {
        ("keys of one command lie in several slots of the Redis Cluster", .failure, false)
      } else if text.contains("MISCONF") {
        ("Redis cannot save to disk and refuses writes", .unavailable, true)
      } else {
        (isPassing ? "Redis is not ready" : "Redis refuses", isPassing ? .unavailable : .failure, isPassing)
      }
    return Failure(meaning.code, "\(name): \(what): \(meaning.explanation): \(text)", isRetryable: meaning.isRetryable)
  }
}
