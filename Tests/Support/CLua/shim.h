// Lua 5.1, which is what Redis runs scripts in, for the simulated Redis of the tests.
#pragma once
#if __has_include(<lua5.1/lua.h>)
#include <lua5.1/lauxlib.h>
#include <lua5.1/lua.h>
#include <lua5.1/lualib.h>
#else
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#endif

// Runs a command whose arguments are on the stack, and leaves its reply there; gives 1 where that is an error.
typedef int (*freshet_redis_handler)(void *context, lua_State *state);

// Lua raises errors by longjmp, which must not pass through Swift: only the C function below does that.
static inline int freshet_redis_call(lua_State *state) {
  union { void *pointer; freshet_redis_handler call; } handler;
  handler.pointer = lua_touserdata(state, lua_upvalueindex(1));
  int is_error = handler.call(lua_touserdata(state, lua_upvalueindex(2)), state);
  if (is_error && !lua_toboolean(state, lua_upvalueindex(3))) return lua_error(state);
  return 1;
}

// Makes the table `redis` with `call` and `pcall`, which both come back to `handler`.
static inline void freshet_make_redis(lua_State *state, freshet_redis_handler handler, void *context) {
  union { void *pointer; freshet_redis_handler call; } either;
  either.call = handler;
  lua_newtable(state);
  for (int is_protected = 0; is_protected < 2; is_protected++) {
    lua_pushlightuserdata(state, either.pointer);
    lua_pushlightuserdata(state, context);
    lua_pushboolean(state, is_protected);
    lua_pushcclosure(state, freshet_redis_call, 3);
    lua_setfield(state, -2, is_protected ? "pcall" : "call");
  }
  lua_setfield(state, LUA_GLOBALSINDEX, "redis");
}

// The libraries that Redis opens and that touch nothing outside.
static inline void freshet_open_libraries(lua_State *state) {
  const lua_CFunction open[] = {luaopen_base, luaopen_table, luaopen_string, luaopen_math};
  const char *names[] = {"", LUA_TABLIBNAME, LUA_STRLIBNAME, LUA_MATHLIBNAME};
  for (int index = 0; index < 4; index++) {
    lua_pushcfunction(state, open[index]);
    lua_pushstring(state, names[index]);
    lua_call(state, 1, 0);
  }
}

static inline void freshet_pop(lua_State *state, int count) { lua_settop(state, -count - 1); }
static inline void freshet_set_global(lua_State *state, const char *name) { lua_setfield(state, LUA_GLOBALSINDEX, name); }
static const int freshet_registry = LUA_REGISTRYINDEX;
