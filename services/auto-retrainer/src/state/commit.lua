-- Writes what the auto-retrainer remembers and tells of drift, and removes the requests that it has taken up.
-- KEYS[1] fence, KEYS[2] state (hash), KEYS[3] requests (list), KEYS[4] drift
-- ARGV[1] fencing token, ARGV[2] state, ARGV[3] requests taken up, ARGV[4] drift
-- Returns 'OK', or 'FENCED' when nothing was done.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
redis.call('HSET', KEYS[2], 'state', ARGV[2])
redis.call('SET', KEYS[4], ARGV[4])
if tonumber(ARGV[3]) > 0 then redis.call('LTRIM', KEYS[3], ARGV[3], -1) end
return 'OK'
