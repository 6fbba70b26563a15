-- Stores the events of one call whole or not at all, and only once however often the script is sent.
-- KEYS[1] result of the call, then six keys for each partition that the call touches:
-- events stream, accepted count, cursor of the feature-extractor, and the three sets that take turns at remembering ids
-- ARGV[1] high-water mark in events, ARGV[2] span of a set in s, ARGV[3] s to keep the result, then for each partition:
-- packed batch, number of its events, positions (comma-separated) of its events that have ids, number of ids, the ids
-- Returns {accepted, duplicates}, or {'FULL', n, events} when the n-th partition (from 0) would have that many events
-- waiting and nothing was done.
local KEYS_EACH = 6
-- Lua refuses to unpack more than about 8,000 values at once.
local CHUNK = 4000

local told = redis.call('GET', KEYS[1])
if told then
  local accepted, duplicates = string.match(told, '(%d+) (%d+)')
  return { tonumber(accepted), tonumber(duplicates) }
end

local partitions = {}
local argument = 4
for key = 2, #KEYS, KEYS_EACH do
  local ids = tonumber(ARGV[argument + 3])
  partitions[#partitions + 1] =
    { key = key, batch = argument, events = tonumber(ARGV[argument + 1]), firstId = argument + 4, ids = ids }
  argument = argument + 4 + ids
end

for n, partition in ipairs(partitions) do
  local accepted = tonumber(redis.call('GET', KEYS[partition.key + 1]) or 0)
  local folded = tonumber(redis.call('HGET', KEYS[partition.key + 2], 'count') or 0)
  local waiting = accepted - folded + partition.events
  if waiting > tonumber(ARGV[1]) then return { 'FULL', n - 1, waiting } end
end

-- An id lives in the set of its span until the end of the next span: at least one span, at most two. With three sets
-- in turn, a set is gone before its turn comes again.
local spanSeconds = tonumber(ARGV[2])
local span = math.floor(tonumber(redis.call('TIME')[1]) / spanSeconds)
local expiresAt = (span + 2) * spanSeconds

local function eachChunk(partition, visit)
  local last = partition.firstId + partition.ids - 1
  for from = partition.firstId, last, CHUNK do visit(from, math.min(from + CHUNK - 1, last)) end
end

-- Every read, which is all that can fail, comes before the first write.
for _, partition in ipairs(partitions) do
  partition.current = KEYS[partition.key + 3 + span % 3]
  partition.previous = KEYS[partition.key + 3 + (span - 1) % 3]
  partition.seen = {}
  eachChunk(partition, function(from, to)
    local now = redis.call('SMISMEMBER', partition.current, unpack(ARGV, from, to))
    local before = redis.call('SMISMEMBER', partition.previous, unpack(ARGV, from, to))
    for index = 1, #now do
      if now[index] == 1 or before[index] == 1 then
        partition.seen[#partition.seen + 1] = from - partition.firstId + index
      end
    end
  end)
end

local accepted, duplicates = 0, 0
for _, partition in ipairs(partitions) do
  local batch, fresh = ARGV[partition.batch], partition.events - #partition.seen
  if #partition.seen == 0 then
    redis.call('XADD', KEYS[partition.key], '*', 'b', batch)
  elseif fresh > 0 then
    local positions, skipped = {}, {}
    for position in string.gmatch(ARGV[partition.batch + 2], '%d+') do positions[#positions + 1] = position end
    for n, index in ipairs(partition.seen) do skipped[n] = positions[index] end
    redis.call('XADD', KEYS[partition.key], '*', 'b', batch, 's', table.concat(skipped, ','))
  end
  if fresh > 0 then redis.call('INCRBY', KEYS[partition.key + 1], fresh) end
  if partition.ids > 0 then
    eachChunk(partition, function(from, to) redis.call('SADD', partition.current, unpack(ARGV, from, to)) end)
    redis.call('EXPIREAT', partition.current, expiresAt)
  end
  accepted = accepted + fresh
  duplicates = duplicates + #partition.seen
end
redis.call('SET', KEYS[1], accepted .. ' ' .. duplicates, 'EX', ARGV[3])
return { accepted, duplicates }
