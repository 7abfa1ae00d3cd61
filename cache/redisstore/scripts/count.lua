-- Adds to the counts of clients in a minute. Returns for each its count in that minute,
-- and in the one before.
-- KEYS: the minute, the one before. ARGV: how long to keep the minute in ms, then
-- client and number in turn.
local counts = {}
for i = 2, #ARGV, 2 do
	local count = (tonumber(redis.call('HGET', KEYS[1], ARGV[i])) or 0) + tonumber(ARGV[i + 1])
	redis.call('HSET', KEYS[1], ARGV[i], count)
	counts[#counts + 1] = count
	counts[#counts + 1] = tonumber(redis.call('HGET', KEYS[2], ARGV[i])) or 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return counts
