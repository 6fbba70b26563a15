-- Commits merged minutes of the platform in one step: state, points, detectors, anomalies, cursors.
-- KEYS[1] fence, KEYS[2] hash of the watch, KEYS[3] anomalies stream, KEYS[4] dead letters, then needed-from of the series
-- stream of each partition, then the keys of series that are given up, then those that are written: a key can be both, since
-- a series may begin anew in the minutes of one commit
-- ARGV[1] fencing token, ARGV[2] number of the commit before ('0' = none), ARGV[3] partitions, then the id from which each of
-- them is still needed; packed state, packed list of series; the number of dead letters and (stream entry id, reason, payload)
-- of each; the number of anomalies and each of them; the number of writes and for each of them the offset in the value, or
-- '' for the whole value, and the bytes
-- Returns 1, or 'FENCED' or 'CURSOR' when nothing was done.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
if (redis.call('HGET', KEYS[2], 'commits') or '0') ~= ARGV[2] then return 'CURSOR' end
local partitions = tonumber(ARGV[3])
local key, argument = 4, 3
for partition = 1, partitions do
  redis.call('HSET', KEYS[key + partition], 'series-watch', ARGV[argument + partition])
end
key, argument = key + partitions, argument + partitions
redis.call('HSET', KEYS[2], 'state', ARGV[argument + 1], 'series', ARGV[argument + 2])
redis.call('HINCRBY', KEYS[2], 'commits', 1)
local letters = tonumber(ARGV[argument + 3])
argument = argument + 4
for _ = 1, letters do
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*',
    'id', ARGV[argument], 'reason', ARGV[argument + 1], 'payload', ARGV[argument + 2])
  argument = argument + 3
end
local anomalies = tonumber(ARGV[argument])
for anomaly = 1, anomalies do
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 100000, '*', 'entity', 'series', 'b', ARGV[argument + anomaly])
end
argument = argument + anomalies + 1
local writes = tonumber(ARGV[argument])
local removed = #KEYS - key - writes
for given = key + 1, key + removed do redis.call('DEL', KEYS[given]) end
key = key + removed
for write = 1, writes do
  local offset, bytes = ARGV[argument + 2 * write - 1], ARGV[argument + 2 * write]
  if offset == '' then redis.call('SET', KEYS[key + write], bytes)
  else redis.call('SETRANGE', KEYS[key + write], offset, bytes) end
end
return 1
