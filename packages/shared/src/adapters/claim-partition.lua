-- Claims a partition for an instance, unless another live instance holds it.
-- KEYS[1] lease, KEYS[2] fence
-- ARGV[1] instance, ARGV[2] lease time in ms
-- Returns the new fencing token, or nil when another instance holds the partition.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return nil end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('INCR', KEYS[2])
