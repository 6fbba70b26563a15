-- Extends the lease of a partition that the instance still holds under the given fencing token.
-- KEYS[1] lease, KEYS[2] fence
-- ARGV[1] instance, ARGV[2] fencing token, ARGV[3] lease time in ms
-- Returns 1 when extended, 0 when the partition is lost.
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
