-- Puts what a call has cost in place of what was reserved for it.
-- KEYS hashes of the hour and the day that it was reserved in
-- ARGV[1] tokens to add (negative: fewer were used), ARGV[2] millionths of a dollar to add
for _, key in ipairs(KEYS) do
  -- Gone with its time: nothing is left to correct.
  if redis.call('EXISTS', key) == 1 then
    redis.call('HINCRBY', key, 'tokens', ARGV[1])
    redis.call('HINCRBY', key, 'microUsd', ARGV[2])
  end
end
