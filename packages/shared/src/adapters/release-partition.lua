-- Gives a partition up, so that another instance can claim it at once.
-- KEYS[1] lease, KEYS[2] fence
-- ARGV[1] instance, ARGV[2] fencing token
-- Returns 1 when it was held, 0 otherwise.
if redis.call('GET', KEYS[2]) ~= ARGV[2] or redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
