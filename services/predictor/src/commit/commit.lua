-- Commits the predictions of a batch of vectors in one step.
-- KEYS[1] fence, KEYS[2] cursor of this group, KEYS[3] predictions stream, KEYS[4] needed-from of the features stream,
-- KEYS[5] dead letters, KEYS[6] anomalies stream, KEYS[7] cursor of kenning,
-- KEYS[8] stream of what was held back, KEYS[9] counts of it (hash), then the prediction keys, then the histories
-- ARGV[1] fencing token, ARGV[2] id of the last entry committed before, ARGV[3] id of the last entry now,
-- ARGV[4] vectors, ARGV[5] time to live in s, ARGV[6] dead letters, then (entry id, reason, payload) of each,
-- then the number of packed batches and each of them, then the number of anomalies and (anomaly, explanation, trace id
-- or '') of each,
-- then the number of what was held back and (prediction, by what, event time) of each,
-- then the number of predictions, length and time to live in s of a history, then the values for KEYS[10] and on
-- Returns the number of predictions that kenning has not archived yet, or 'FENCED' or 'CURSOR' when nothing was done.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
if (redis.call('HGET', KEYS[2], 'last') or '0-0') ~= ARGV[2] then return 'CURSOR' end
local argument = 7
for _ = 1, tonumber(ARGV[6]) do
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', 10000, '*',
    'id', ARGV[argument], 'reason', ARGV[argument + 1], 'payload', ARGV[argument + 2])
  argument = argument + 3
end
local batches = tonumber(ARGV[argument])
for batch = 1, batches do redis.call('XADD', KEYS[3], '*', 'b', ARGV[argument + batch]) end
argument = argument + batches + 1
local anomalies = tonumber(ARGV[argument])
for _ = 1, anomalies do
  local fields = { 'b', ARGV[argument + 1], 'x', ARGV[argument + 2] }
  if ARGV[argument + 3] ~= '' then
    fields[5] = 'trace'
    fields[6] = ARGV[argument + 3]
  end
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', 100000, '*', unpack(fields))
  argument = argument + 3
end
local held = tonumber(ARGV[argument + 1])
argument = argument + 1
for _ = 1, held do
  local by, ts = ARGV[argument + 2], ARGV[argument + 3]
  redis.call('XADD', KEYS[8], 'MAXLEN', '~', 100000, '*', 'b', ARGV[argument + 1])
  redis.call('HINCRBY', KEYS[9], by .. ':count', 1)
  if tonumber(redis.call('HGET', KEYS[9], by .. ':last') or 0) < tonumber(ts) then
    redis.call('HSET', KEYS[9], by .. ':last', ts)
  end
  argument = argument + 3
end
local firstHistory = 10 + tonumber(ARGV[argument + 1])
local historyLength, historySeconds = ARGV[argument + 2], ARGV[argument + 3]
argument = argument + 4
for key = 10, firstHistory - 1 do
  redis.call('SET', KEYS[key], ARGV[argument], 'EX', ARGV[5])
  argument = argument + 1
end
for key = firstHistory, #KEYS do
  redis.call('LPUSH', KEYS[key], ARGV[argument])
  redis.call('LTRIM', KEYS[key], 0, historyLength - 1)
  redis.call('EXPIRE', KEYS[key], historySeconds)
  argument = argument + 1
end
redis.call('HSET', KEYS[2], 'last', ARGV[3])
local scored = redis.call('HINCRBY', KEYS[2], 'count', ARGV[4])
redis.call('HSET', KEYS[4], 'predictor', ARGV[3])
return scored - tonumber(redis.call('HGET', KEYS[7], 'count') or 0)
