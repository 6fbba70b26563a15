-- Puts a verdict at the end of all and at the end of those of its anomaly.
-- KEYS[1] verdicts (stream), KEYS[2] their ids of this anomaly (list)
-- ARGV[1] verdict, ARGV[2] entity, ARGV[3] anomaly
local id = redis.call('XADD', KEYS[1], '*', 'v', ARGV[1], 'entity', ARGV[2], 'b', ARGV[3])
redis.call('RPUSH', KEYS[2], id)
return id
