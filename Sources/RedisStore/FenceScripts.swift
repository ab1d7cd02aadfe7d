// The scripts that keep fences. Each is one atomic step of Redis; a fence is a hash:
//
//   generation    grows with every claim, and by at least the ms since the epoch, so that it grows over a restored older state, too
//   token, owner  who claimed it last; the owner is empty once it was given up
//   step          how many flushes were finished: what went back, after a restore, is seen by it
//   next_offset   set by the last call of a flush, together with `watermark` and `step`
//   flushing_to   set by every call before its rows; never less than what rows show
//   idle          OFFSET:TIME,OFFSET:TIME... set with flushing_to
//   partitions    of the topic, as the first owner saw them
//   base          the generation under which the partition was last started afresh
//
// A refusal is an array that begins with `overtaken` (and the owner), `went_back` (and the next_offset there is) or `missing`.
// All keys are declared, and no script reads the clock, so they run in Redis 6.2, 7, Valkey and in a cluster, and are replicated as they are.

package enum FenceScripts {
  /// KEYS: the fence. ARGV: token, owner, now (ms), the topic's partitions or nothing.
  ///
  /// Returns generation, next_offset, flushing_to, watermark, idle, partitions, step, base and the owner before; nothing for what is not there.
  package static let claim = """
    local f = redis.call('HMGET', KEYS[1], 'generation', 'token', 'owner', 'next_offset', 'flushing_to', 'watermark', 'idle',
      'partitions', 'step', 'base')
    local generation = string.format('%.0f', math.max(tonumber(f[1] or '0') + 1, tonumber(ARGV[3])))
    redis.call('HSET', KEYS[1], 'generation', generation, 'token', ARGV[1], 'owner', ARGV[2], 'step', f[9] or '0')
    if ARGV[4] ~= '' and not f[8] then redis.call('HSET', KEYS[1], 'partitions', ARGV[4]) end
    local previous = f[3] or ''
    if f[2] == ARGV[1] then previous = '' end
    return {generation, f[4] or '', f[5] or '', f[6] or '', f[7] or '', f[8] or '', f[9] or '0', f[10] or '', previous}
    """

  /// After a connection was made anew: what still lies in the old one is refused from now on. KEYS: the fence. ARGV: token, our
  /// generation, the step that was confirmed to us, now (ms).
  ///
  /// Returns `claimed`, generation, step; or a refusal.
  package static let reclaim = """
    local f = redis.call('HMGET', KEYS[1], 'generation', 'token', 'step', 'next_offset', 'owner')
    if not f[1] then return {'missing'} end
    local generation, step = tonumber(f[1]), f[3] or '0'
    if generation < tonumber(ARGV[2]) or (f[2] == ARGV[1] and tonumber(step) < tonumber(ARGV[3])) then
      return {'went_back', f[4] or ''}
    end
    if f[2] ~= ARGV[1] then return {'overtaken', f[5] or ''} end
    local next = string.format('%.0f', math.max(generation + 1, tonumber(ARGV[4])))
    redis.call('HSET', KEYS[1], 'generation', next)
    return {'claimed', next, step}
    """

  /// KEYS: the fence. ARGV: our generation, the topic's partitions or nothing. Returns 1, or a refusal.
  package static let startAfresh = """
    local f = redis.call('HMGET', KEYS[1], 'generation', 'owner')
    if not f[1] then return {'missing'} end
    if f[1] ~= ARGV[1] then return {'overtaken', f[2] or ''} end
    redis.call('HDEL', KEYS[1], 'next_offset', 'flushing_to', 'watermark', 'idle', 'partitions')
    redis.call('HSET', KEYS[1], 'base', ARGV[1])
    if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'partitions', ARGV[2]) end
    return 1
    """

  /// KEYS: the fence. ARGV: token. What it guards stays.
  package static let release = """
    if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then redis.call('HSET', KEYS[1], 'owner', '') end
    return 1
    """

  /// Rows of one partition, and its fence in front of the KEYS, unless the generation is empty. ARGV:
  ///
  ///     1 generation, 2 confirmed step, 3 flushing_to, 4 idle, 5 next_offset (empty: more calls follow), 6 watermark,
  ///     7 the rows' `_position` or nothing, 8 the time of writing; then groups of rows of one view:
  ///     rows, expiry in ms or 0, fields, their names; then per row its nulls (empty where it has none, else a digit per field) and its values
  ///
  /// Returns the fence's step, 0 without a fence; or a refusal, with nothing written. Redis checks its memory before the first write of a
  /// script and not again, so it is all rows or none; should Redis end in the middle, flushing_to is ahead of the rows and next_offset behind.
  package static let write = """
    local first, step = 1, 0
    if ARGV[1] ~= '' then
      local f = redis.call('HMGET', KEYS[1], 'generation', 'step', 'flushing_to', 'next_offset')
      if not f[1] then return {'missing'} end
      step = tonumber(f[2] or '0')
      if f[1] ~= ARGV[1] and tonumber(f[1]) > tonumber(ARGV[1]) then
        return {'overtaken', redis.call('HGET', KEYS[1], 'owner') or ''}
      end
      if f[1] ~= ARGV[1] or step < tonumber(ARGV[2]) then return {'went_back', f[4] or ''} end
      local reach = ARGV[3]
      if f[3] and tonumber(f[3]) > tonumber(reach) then reach = f[3] end
      redis.call('HSET', KEYS[1], 'flushing_to', reach, 'idle', ARGV[4])
      first = 2
      if ARGV[5] ~= '' then
        step = step + 1
        ARGV[5] = string.format('%.0f', math.max(tonumber(ARGV[5]), tonumber(f[4] or ARGV[5])))
      end
    end
    local at, key = 9, first
    while ARGV[at] do
      local rows, ttl, count = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
      local row, width = {}, 2 * count + 2
      for f = 1, count do row[2 * f - 1] = ARGV[at + 2 + f] end
      row[2 * count + 1], row[2 * count + 2] = '_written_at', ARGV[8]
      if ARGV[7] ~= '' then
        row[2 * count + 3], row[2 * count + 4] = '_position', ARGV[7]
        width = width + 2
      end
      at = at + 3 + count
      for i = key, key + rows - 1 do
        local nulls = ARGV[at]
        if nulls == '' then
          for f = 1, count do row[2 * f] = ARGV[at + f] end
          redis.call('HSET', KEYS[i], unpack(row, 1, width))
        else
          local set, del = {unpack(row, 2 * count + 1, width)}, {}
          for f = 1, count do
            if string.byte(nulls, f) == 49 then
              del[#del + 1] = row[2 * f - 1]
            else
              set[#set + 1] = row[2 * f - 1]
              set[#set + 1] = ARGV[at + f]
            end
          end
          redis.call('HSET', KEYS[i], unpack(set))
          redis.call('HDEL', KEYS[i], unpack(del))
        end
        if ttl ~= '0' then redis.call('PEXPIRE', KEYS[i], ttl) end
        at = at + count + 1
      end
      key = key + rows
    end
    if first == 2 and ARGV[5] ~= '' then
      redis.call('HSET', KEYS[1], 'next_offset', ARGV[5], 'watermark', ARGV[6], 'step', string.format('%.0f', step))
    end
    return step
    """

  /// One row of a Redis Cluster, where the fence lies on another node: the row says itself whether this one is newer. KEYS: the row. ARGV:
  ///
  ///     1 partition (empty: no fence), 2 the offset of `_position`, 3 generation, 4 base, 5 the time of writing, 6 expiry in ms or 0, 7 fields;
  ///     their names, the row's nulls and its values
  ///
  /// A row stays where a later generation has written it, or where it holds more records than ours would. Returns 1 for a row that was
  /// written and 0 for one that stays.
  package static let clusterRow = """
    if ARGV[1] ~= '' then
      local there = redis.call('HMGET', KEYS[1], '_position', '_generation')
      local partition, offset = string.match(there[1] or '', '^(%d+):(%d+)$')
      local ours, theirs = tonumber(ARGV[3]), tonumber(there[2] or '')
      if partition == ARGV[1] and theirs and (theirs > ours or
        theirs < ours and theirs >= tonumber(ARGV[4]) and tonumber(offset) > tonumber(ARGV[2])) then
        return 0
      end
    end
    local count = tonumber(ARGV[7])
    local nulls = ARGV[8 + count]
    local set, del = {'_written_at', ARGV[5]}, {}
    if ARGV[1] ~= '' then set = {'_written_at', ARGV[5], '_position', ARGV[1] .. ':' .. ARGV[2], '_generation', ARGV[3]} end
    for f = 1, count do
      if string.byte(nulls, f) == 49 then
        del[#del + 1] = ARGV[7 + f]
      else
        set[#set + 1] = ARGV[7 + f]
        set[#set + 1] = ARGV[8 + count + f]
      end
    end
    redis.call('HSET', KEYS[1], unpack(set))
    if #del > 0 then redis.call('HDEL', KEYS[1], unpack(del)) end
    if ARGV[6] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[6]) end
    return 1
    """
}
