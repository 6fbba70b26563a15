-- Finds the first entry behind each cursor without sending its payload.
-- KEYS streams
-- ARGV id of the last entry taken from each of them
-- Returns for each stream the id of the next entry, or '' when nothing waits, then the server's time in s.
local ids = {}
for index, stream in ipairs(KEYS) do
  local entries = redis.call('XRANGE', stream, '(' .. ARGV[index], '+', 'COUNT', 1)
  ids[index] = entries[1] and entries[1][1] or ''
end
ids[#ids + 1] = redis.call('TIME')[1]
return ids
