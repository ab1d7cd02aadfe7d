// The scripts of batch runs. Each is one atomic step of Redis. What makes a run whole whatever happens to who writes it:
//
//   - a lock says who runs; it expires, so a run that died holds nobody up for long
//   - runs are numbered by a counter beside the lock, and a row is written only over one of an older run: whoever was thought dead and wakes up
//     spoils nothing of those that came after
//   - pointers switch all in one step, and only for who still holds the lock, or after whom nobody has begun
//
// All keys are declared, and no script reads the clock. Lock, counter and pointers share their braces, and so a node.

enum BatchScripts {
  /// KEYS: lock, counter. ARGV: token, now (ms), expiry (ms). Returns the number of the run, or an array: `locked`, who holds the lock.
  static let begin = """
    local holder = redis.call('GET', KEYS[1])
    if holder and holder ~= ARGV[1] then return {'locked', holder} end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
    local run = string.format('%.0f', math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, tonumber(ARGV[2])))
    redis.call('SET', KEYS[2], run)
    return {'run', run}
    """

  /// KEYS: lock, counter. ARGV: token, run, expiry (ms). Returns 1, or 0 where another has begun since.
  static let renew = """
    local holder = redis.call('GET', KEYS[1])
    if (holder and holder ~= ARGV[1]) or redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
    return 1
    """

  /// KEYS: lock. ARGV: token.
  static let release = """
    if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
    return 1
    """

  /// KEYS: rows of one view. ARGV: run, now (ms), expiry (ms), the number of fields, their names, then per row its nulls (a digit per
  /// field, or nothing where none is null) and its values. Rows of a later run stay as they are. Returns 1.
  static let write = """
    local run, count = tonumber(ARGV[1]), tonumber(ARGV[4])
    local at = 5 + count
    for _, key in ipairs(KEYS) do
      local held = redis.call('HGET', key, '_run')
      if not held or tonumber(held) <= run then
        local fields, nulls = {'_run', ARGV[1], '_written_at', ARGV[2]}, ARGV[at]
        for field = 1, count do
          if nulls == '' or string.byte(nulls, field) ~= 49 then
            fields[#fields + 1] = ARGV[4 + field]
            fields[#fields + 1] = ARGV[at + field]
          end
        end
        redis.call('DEL', key)
        redis.call('HSET', key, unpack(fields))
        redis.call('PEXPIRE', key, ARGV[3])
      end
      at = at + 1 + count
    end
    return 1
    """

  /// KEYS: lock, counter, pointers. ARGV: token, run, cutoff, now (ms), then per pointer its slot and its number of rows. Returns 1 where all
  /// pointers are this run's, 0 where another has begun since. To be called again where its answer was lost.
  static let publish = """
    local published = true
    for i = 3, #KEYS do
      if redis.call('HGET', KEYS[i], 'run') ~= ARGV[2] then published = false end
    end
    if published then return 1 end
    local holder = redis.call('GET', KEYS[1])
    if (holder and holder ~= ARGV[1]) or redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
    for i = 3, #KEYS do
      local previous = redis.call('HGET', KEYS[i], 'run')
      redis.call('HSET', KEYS[i], 'run', ARGV[2], 'slot', ARGV[2 * i - 1], 'as_of', ARGV[3], 'published_at', ARGV[4],
        'rows', ARGV[2 * i])
      if previous then redis.call('HSET', KEYS[i], 'previous_run', previous) end
    end
    return 1
    """
}
