-- Stores the events of one call whole or not at all, and only once however often the script is sent.
-- KEYS[1] result of the call, then six keys for each batch (several batches may be of one partition):
-- events stream, accepted count, cursor of the feature-extractor, and the three sets that take turns at remembering ids
-- ARGV[1] high-water mark in events, ARGV[2] span of a set in s, ARGV[3] s to keep the result,
-- ARGV[4] trace context of the call or '', then for each batch:
-- packed events, their number (at most 2,000: Lua unpacks 8,000 values and no more), msgpack array of their ids ('' for
-- an event without one) or '' when none has one, number of events that have one
-- Returns {accepted, duplicates}, or {'FULL', n, events} when the partition of the n-th batch (from 0) would have that
-- many events waiting; then nothing was done.
local KEYS_EACH, ARGS_EACH = 6, 4

local told = redis.call('GET', KEYS[1])
if told then
  local accepted, duplicates = string.match(told, '(%d+) (%d+)')
  return { tonumber(accepted), tonumber(duplicates) }
end

local highWater = tonumber(ARGV[1])
local batches, adding = {}, {}
for n = 1, (#KEYS - 1) / KEYS_EACH do
  local key, argument = 2 + (n - 1) * KEYS_EACH, 5 + (n - 1) * ARGS_EACH
  local batch = {
    stream = KEYS[key],
    accepted = KEYS[key + 1],
    key = key,
    bytes = ARGV[argument],
    events = tonumber(ARGV[argument + 1]),
    ids = {},
  }
  adding[batch.stream] = (adding[batch.stream] or 0) + batch.events
  local accepted = tonumber(redis.call('GET', batch.accepted) or 0)
  local folded = tonumber(redis.call('HGET', KEYS[key + 2], 'count') or 0)
  local waiting = accepted - folded + adding[batch.stream]
  if waiting > highWater then return { 'FULL', n - 1, waiting } end
  if ARGV[argument + 2] ~= '' then
    batch.ids = cmsgpack.unpack(ARGV[argument + 2])
    if tonumber(ARGV[argument + 3]) < batch.events then
      -- Position of each id among the events; where all have one it is the same number.
      local all = batch.ids
      batch.ids, batch.positions = {}, {}
      for position, id in ipairs(all) do
        if id ~= '' then
          batch.ids[#batch.ids + 1] = id
          batch.positions[#batch.positions + 1] = position
        end
      end
    end
  end
  batches[n] = batch
end

-- An id lives in the set of its span until the end of the next span: at least one span, at most two. With three sets
-- in turn, a set is gone before its turn comes again.
local spanSeconds = tonumber(ARGV[2])
local span = math.floor(tonumber(redis.call('TIME')[1]) / spanSeconds)
local expiresAt = (span + 2) * spanSeconds

-- Every read, which is all that can fail, comes before the first write.
for _, batch in ipairs(batches) do
  batch.remembering = KEYS[batch.key + 3 + span % 3]
  local before = KEYS[batch.key + 3 + (span - 1) % 3]
  batch.skip = {}
  if #batch.ids > 0 then
    local isIn = redis.call('SMISMEMBER', batch.remembering, unpack(batch.ids))
    local wasIn = {}
    if redis.call('EXISTS', before) == 1 then wasIn = redis.call('SMISMEMBER', before, unpack(batch.ids)) end
    for index = 1, #isIn do
      if isIn[index] == 1 or wasIn[index] == 1 then
        local position = batch.positions and batch.positions[index] or index
        batch.skip[#batch.skip + 1] = position - 1
      end
    end
  end
end

local accepted, duplicates = 0, 0
for _, batch in ipairs(batches) do
  local fresh = batch.events - #batch.skip
  if fresh > 0 then
    local fields = { 'b', batch.bytes, 'n', fresh }
    if #batch.skip > 0 then
      fields[#fields + 1] = 's'
      fields[#fields + 1] = table.concat(batch.skip, ',')
    end
    if ARGV[4] ~= '' then
      fields[#fields + 1] = 'trace'
      fields[#fields + 1] = ARGV[4]
    end
    redis.call('XADD', batch.stream, '*', unpack(fields))
    redis.call('INCRBY', batch.accepted, fresh)
  end
  if #batch.ids > 0 then
    redis.call('SADD', batch.remembering, unpack(batch.ids))
    redis.call('EXPIREAT', batch.remembering, expiresAt)
  end
  accepted = accepted + fresh
  duplicates = duplicates + #batch.skip
end
redis.call('SET', KEYS[1], accepted .. ' ' .. duplicates, 'EX', ARGV[3])
return { accepted, duplicates }
