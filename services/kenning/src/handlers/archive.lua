-- Moves the cursor of the archive after a part is written.
-- KEYS[1] fence, KEYS[2] cursor of this group, KEYS[3] needed-from of the predictions stream, KEYS[4] dead letters
-- ARGV[1] fencing token, ARGV[2] id of the last entry committed before, ARGV[3] id of the last entry now, ARGV[4] rows,
-- ARGV[5] dead letters, then (entry id, reason, payload) of each
-- Returns 'OK', or 'FENCED' or 'CURSOR' when nothing was done.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
if (redis.call('HGET', KEYS[2], 'last') or '0-0') ~= ARGV[2] then return 'CURSOR' end
for letter = 0, tonumber(ARGV[5]) - 1 do
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*',
    'id', ARGV[6 + 3 * letter], 'reason', ARGV[7 + 3 * letter], 'payload', ARGV[8 + 3 * letter])
end
redis.call('HSET', KEYS[2], 'last', ARGV[3])
redis.call('HINCRBY', KEYS[2], 'count', ARGV[4])
redis.call('HSET', KEYS[3], 'kenning', ARGV[3])
return 'OK'
