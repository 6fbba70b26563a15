-- Reserves tokens and money for one call in the hour and the day it begins in, or nothing.
-- KEYS[1] hash of the hour, KEYS[2] hash of the day, each with `tokens` and `microUsd`
-- ARGV[1] tokens, ARGV[2] money in millionths of a dollar, then for the hour and for the day: tokens that may be spent,
-- money that may be spent, seconds to keep the hash
-- Returns '' or what would be exceeded: hour-tokens, hour-usd, day-tokens, day-usd.
local windows = {'hour', 'day'}
for index, window in ipairs(windows) do
  local spent = redis.call('HMGET', KEYS[index], 'tokens', 'microUsd')
  local limits = 3 * index
  if tonumber(spent[1] or 0) + tonumber(ARGV[1]) > tonumber(ARGV[limits]) then return window .. '-tokens' end
  -- A call without a price may go on when the money is spent.
  if tonumber(ARGV[2]) > 0 and tonumber(spent[2] or 0) + tonumber(ARGV[2]) > tonumber(ARGV[limits + 1]) then
    return window .. '-usd'
  end
end
for index in ipairs(windows) do
  redis.call('HINCRBY', KEYS[index], 'tokens', ARGV[1])
  redis.call('HINCRBY', KEYS[index], 'microUsd', ARGV[2])
  redis.call('EXPIRE', KEYS[index], ARGV[3 * index + 2])
end
return ''
