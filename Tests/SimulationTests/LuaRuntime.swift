// Runs Redis scripts, as they are, in Lua 5.1: what `redis.call` does is the caller's. Values change between Lua and Redis as Redis documents it
// (https://redis.io/docs/latest/develop/programmability/lua-api/).

import CLua
import Foundation

/// Owns a Lua state; used by one thread at a time.
final class LuaRuntime {
  /// Runs one command of a script.
  var call: ([[UInt8]]) -> RedisValue = { _ in .error("ERR no Redis behind this script") }

  private let state: OpaquePointer
  /// By source: where the compiled script is in Lua's registry.
  private var functions: [String: Int32] = [:]

  init() {
    guard let state = luaL_newstate() else { fatalError("no memory for Lua") }
    self.state = state
    freshet_open_libraries(state)
    let context = Unmanaged.passUnretained(self).toOpaque()
    freshet_make_redis(
      state,
      { context, state in
        Unmanaged<LuaRuntime>.fromOpaque(context!).takeUnretainedValue().answerCall()
      }, context)
    let prelude = """
      function redis.error_reply(text) return {err = text} end
      function redis.status_reply(text) return {ok = text} end
      function redis.log() end
      redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE, redis.LOG_WARNING = 0, 1, 2, 3
      """
    precondition(luaL_loadstring(state, prelude) == 0 && lua_pcall(state, 0, 0, 0) == 0, "the prelude of scripts fails")
  }

  deinit { lua_close(state) }

  /// The error of a script that Lua cannot compile; nil where it can.
  func compile(_ source: String) -> String? {
    guard functions[source] == nil else { return nil }
    let status = source.withCString { luaL_loadbuffer(state, $0, source.utf8.count, "@user_script") }
    guard status == 0 else {
      defer { freshet_pop(state, 1) }
      return text(-1)
    }
    functions[source] = luaL_ref(state, freshet_registry)
    return nil
  }

  /// Runs a compiled script. An error ends with the digest, as in Redis 7.
  func run(_ source: String, digest: String, keys: [[UInt8]], arguments: [[UInt8]]) -> RedisValue {
    setTable("KEYS", keys)
    setTable("ARGV", arguments)
    lua_rawgeti(state, freshet_registry, functions[source]!)
    let status = lua_pcall(state, 0, 1, 0)
    defer { freshet_pop(state, 1) }
    guard status != 0 else { return reply(lua_gettop(state)) }
    var message = text(-1) ?? "ERR unknown error"
    if lua_type(state, -1) == LUA_TTABLE {
      lua_getfield(state, -1, "err")
      message = text(-1) ?? message
      freshet_pop(state, 1)
    } else {
      message = "ERR " + message
    }
    return .error("\(message) script: \(digest), on @user_script.")
  }

  // MARK: redis.call

  /// Called by Lua with the command's arguments on the stack; gives 1 where the reply is an error.
  private func answerCall() -> Int32 {
    let count = lua_gettop(state)
    var arguments: [[UInt8]] = []
    for index in 0..<count {
      guard let argument = bytes(index + 1) else {
        push(.error("ERR Lua redis lib command arguments must be strings or integers"))
        return 1
      }
      arguments.append(argument)
    }
    let reply = call(arguments)
    push(reply)
    if case .error = reply { return 1 }
    return 0
  }

  // MARK: Values

  private func setTable(_ name: String, _ values: [[UInt8]]) {
    lua_createtable(state, Int32(values.count), 0)
    for (index, value) in values.enumerated() {
      push(value)
      lua_rawseti(state, -2, Int32(index + 1))
    }
    freshet_set_global(state, name)
  }

  private func push(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { lua_pushlstring(state, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count) }
  }

  private func push(_ value: RedisValue) {
    luaL_checkstack(state, 4, "a reply is nested too deeply")
    switch value {
    case .integer(let number): lua_pushnumber(state, Double(number))
    case .bulk(let bytes): push(bytes)
    case .null: lua_pushboolean(state, 0)
    case .status(let text), .error(let text):
      lua_createtable(state, 0, 1)
      push(Array(text.utf8))
      if case .status = value { lua_setfield(state, -2, "ok") } else { lua_setfield(state, -2, "err") }
    case .array(let elements):
      lua_createtable(state, Int32(elements.count), 0)
      for (index, element) in elements.enumerated() {
        push(element)
        lua_rawseti(state, -2, Int32(index + 1))
      }
    }
  }

  /// The value at `index` as a reply.
  private func reply(_ index: Int32) -> RedisValue {
    switch lua_type(state, index) {
    case LUA_TSTRING: return .bulk(bytes(index) ?? [])
    case LUA_TNUMBER: return .integer(Int64(lua_tonumber(state, index)))
    case LUA_TBOOLEAN: return lua_toboolean(state, index) == 0 ? .null : .integer(1)
    case LUA_TTABLE:
      for (field, make) in [("err", RedisValue.error), ("ok", RedisValue.status)] {
        lua_getfield(state, index, field)
        defer { freshet_pop(state, 1) }
        if lua_type(state, -1) == LUA_TSTRING, let text = text(-1) { return make(text) }
      }
      var elements: [RedisValue] = []
      while true {
        lua_rawgeti(state, index, Int32(elements.count + 1))
        defer { freshet_pop(state, 1) }
        if lua_type(state, -1) == LUA_TNIL { return .array(elements) }
        elements.append(reply(lua_gettop(state)))
      }
    default: return .null
    }
  }

  /// A string's bytes, or a number's text, at `index`.
  private func bytes(_ index: Int32) -> [UInt8]? {
    let type = lua_type(state, index)
    guard type == LUA_TSTRING || type == LUA_TNUMBER else { return nil }
    // Redis writes numbers with all their digits, unlike Lua; and Lua would turn the number itself into a text.
    if type == LUA_TNUMBER { return Array(String(format: "%.17g", lua_tonumber(state, index)).utf8) }
    var count = 0
    guard let start = lua_tolstring(state, index, &count) else { return nil }
    return Array(UnsafeRawBufferPointer(start: start, count: count))
  }

  private func text(_ index: Int32) -> String? { bytes(index).map { String(decoding: $0, as: UTF8.self) } }
}
