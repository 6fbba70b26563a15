-- Adds up what a shadow release said of a partition's vectors beside the one that serves.
-- KEYS[1] counts (hash)
-- ARGV[1] shadow, ARGV[2] production, ARGV[3] time to live in s, then (field, count) of each
-- Counts of another pair of releases are replaced.
local pair = redis.call('HMGET', KEYS[1], 'release', 'production')
if pair[1] ~= ARGV[1] or pair[2] ~= ARGV[2] then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'release', ARGV[1], 'production', ARGV[2])
end
for argument = 4, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[argument], ARGV[argument + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 'OK'
