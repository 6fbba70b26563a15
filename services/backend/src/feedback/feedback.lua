-- Writes what an analyst has changed, and all that follows from it, in one step.
-- KEYS[1] alarm policy (hash), KEYS[2] rules (hash), KEYS[3] counts of what they held back (hash), KEYS[4] audit (stream),
-- KEYS[5] verdicts (stream), KEYS[6] their ids of one anomaly (list)
-- ARGV[1] revision that it was decided on, ARGV[2] policy, ARGV[3] resets, then the number of rules and (id, rule) of each,
-- then the number of rules to forget and the id of each, then the number of audit entries and each of them,
-- then verdict, entity, anomaly and its explanation, or nothing
-- Returns the new revision, or -1 when somebody else has changed something meanwhile and nothing was done.
local revision = tonumber(redis.call('HGET', KEYS[1], 'revision') or 0)
if revision ~= tonumber(ARGV[1]) then return -1 end
redis.call('HSET', KEYS[1], 'revision', revision + 1, 'policy', ARGV[2], 'resets', ARGV[3])
local argument = 4
for _ = 1, tonumber(ARGV[argument]) do
  redis.call('HSET', KEYS[2], ARGV[argument + 1], ARGV[argument + 2])
  argument = argument + 2
end
argument = argument + 1
for _ = 1, tonumber(ARGV[argument]) do
  argument = argument + 1
  redis.call('HDEL', KEYS[2], ARGV[argument])
  redis.call('HDEL', KEYS[3], ARGV[argument] .. ':count', ARGV[argument] .. ':last')
end
argument = argument + 1
for _ = 1, tonumber(ARGV[argument]) do
  argument = argument + 1
  redis.call('XADD', KEYS[4], '*', 'j', ARGV[argument])
end
local v, entity, b, x = ARGV[argument + 1], ARGV[argument + 2], ARGV[argument + 3], ARGV[argument + 4]
if v then
  local id
  if x then
    id = redis.call('XADD', KEYS[5], '*', 'v', v, 'entity', entity, 'b', b, 'x', x)
  else
    id = redis.call('XADD', KEYS[5], '*', 'v', v, 'entity', entity, 'b', b)
  end
  redis.call('RPUSH', KEYS[6], id)
end
return revision + 1
