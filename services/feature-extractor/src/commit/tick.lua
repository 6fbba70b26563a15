-- Puts a tick of the clock behind the events of a partition in which nothing waits.
-- KEYS[1] fence, KEYS[2] events stream, KEYS[3] accepted count, KEYS[4] cursor of the feature-extractor
-- ARGV[1] fencing token, ARGV[2] time of the tick in ms, ARGV[3] '1' when it goes with the wall clock
-- Returns 1 when it was added, 0 when events wait or another instance holds the partition.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local accepted = tonumber(redis.call('GET', KEYS[3]) or 0)
if accepted ~= tonumber(redis.call('HGET', KEYS[4], 'count') or 0) then return 0 end
if ARGV[3] == '1' then redis.call('XADD', KEYS[2], '*', 't', ARGV[2], 'n', 0, 'live', 1)
else redis.call('XADD', KEYS[2], '*', 't', ARGV[2], 'n', 0) end
return 1
