-- Commits a batch of folded events in one step: vectors, snapshots, closed minutes, cursor, and what could not be decoded.
-- KEYS[1] fence, KEYS[2] cursor of this group, KEYS[3] features stream, KEYS[4] needed-from of the events stream,
-- KEYS[5] dead letters, KEYS[6] cursor of the predictor, KEYS[7] open minutes, KEYS[8] series stream,
-- then the state keys, then the features keys
-- ARGV[1] fencing token, ARGV[2] id of the last entry committed before, ARGV[3] id of the last entry now,
-- ARGV[4] id from which entries are still needed, ARGV[5] events, ARGV[6] vectors, ARGV[7] packed vectors or '',
-- ARGV[8] time to live in s, ARGV[9] watermark, ARGV[10] event time and ARGV[11] delay of the partition in ms or '',
-- ARGV[12] packed open minutes or '', ARGV[13] packed closed minutes or '', ARGV[14] entries that the series stream keeps,
-- ARGV[15] traces of the vectors or '', ARGV[16] dead letters, then (entry id, reason, payload) of each dead letter, then the values for KEYS[9] and on
-- Returns the number of vectors that the predictor has not taken yet, or 'FENCED' or 'CURSOR' when nothing was done.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
if (redis.call('HGET', KEYS[2], 'last') or '0-0') ~= ARGV[2] then return 'CURSOR' end
local argument = 17
for _ = 1, tonumber(ARGV[16]) do
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', 10000, '*',
    'id', ARGV[argument], 'reason', ARGV[argument + 1], 'payload', ARGV[argument + 2])
  argument = argument + 3
end
for key = 9, #KEYS do
  redis.call('SET', KEYS[key], ARGV[argument], 'EX', ARGV[8])
  argument = argument + 1
end
if ARGV[15] ~= '' then
  redis.call('XADD', KEYS[3], '*', 'b', ARGV[7], 'trace', ARGV[15])
elseif ARGV[7] ~= '' then
  redis.call('XADD', KEYS[3], '*', 'b', ARGV[7])
end
if ARGV[12] ~= '' then redis.call('SET', KEYS[7], ARGV[12]) end
if ARGV[13] ~= '' then redis.call('XADD', KEYS[8], 'MAXLEN', '~', ARGV[14], '*', 'b', ARGV[13]) end
redis.call('HSET', KEYS[2], 'last', ARGV[3])
if ARGV[9] ~= '' then
  redis.call('HSET', KEYS[2], 'watermark', ARGV[9], 'eventTime', ARGV[10], 'delayMs', ARGV[11])
end
redis.call('HINCRBY', KEYS[2], 'count', ARGV[5])
local emitted = redis.call('HINCRBY', KEYS[2], 'emitted', ARGV[6])
redis.call('HSET', KEYS[4], 'feature-extractor', ARGV[4])
return emitted - tonumber(redis.call('HGET', KEYS[6], 'count') or 0)
