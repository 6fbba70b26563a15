-- Commits a batch of folded events in one step: vectors, snapshots, cursor, and what could not be decoded.
-- KEYS[1] fence, KEYS[2] cursor of this group, KEYS[3] features stream, KEYS[4] needed-from of the events stream,
-- KEYS[5] dead letters, KEYS[6] cursor of the predictor, then the state keys, then the features keys
-- ARGV[1] fencing token, ARGV[2] id of the last entry committed before, ARGV[3] id of the last entry now,
-- ARGV[4] id from which entries are still needed, ARGV[5] events, ARGV[6] vectors, ARGV[7] packed vectors or '',
-- ARGV[8] time to live in s, ARGV[9] dead letters, then (entry id, reason, payload) of each dead letter,
-- then the values for KEYS[7] and on
-- Returns the number of vectors that the predictor has not taken yet, or 'FENCED' or 'CURSOR' when nothing was done.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
if (redis.call('HGET', KEYS[2], 'last') or '0-0') ~= ARGV[2] then return 'CURSOR' end
local argument = 10
for _ = 1, tonumber(ARGV[9]) do
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', 10000, '*',
    'id', ARGV[argument], 'reason', ARGV[argument + 1], 'payload', ARGV[argument + 2])
  argument = argument + 3
end
for key = 7, #KEYS do
  redis.call('SET', KEYS[key], ARGV[argument], 'EX', ARGV[8])
  argument = argument + 1
end
if ARGV[7] ~= '' then redis.call('XADD', KEYS[3], '*', 'b', ARGV[7]) end
redis.call('HSET', KEYS[2], 'last', ARGV[3])
redis.call('HINCRBY', KEYS[2], 'count', ARGV[5])
local emitted = redis.call('HINCRBY', KEYS[2], 'emitted', ARGV[6])
redis.call('HSET', KEYS[4], 'feature-extractor', ARGV[4])
return emitted - tonumber(redis.call('HGET', KEYS[6], 'count') or 0)
