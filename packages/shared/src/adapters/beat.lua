-- Sign of life of an instance in its group, by the clock of Redis.
-- KEYS[1] members (sorted set: instance by time in ms)
-- ARGV[1] instance, ARGV[2] time in ms after which a silent member is gone
-- Returns the number of live members.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
return redis.call('ZCARD', KEYS[1])
