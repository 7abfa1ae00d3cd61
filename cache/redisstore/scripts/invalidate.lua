-- Raises the generation of scopes above all present ones. It follows the clock,
-- so that it goes on rising after the data is lost. Returns the generation and
-- 1. If an invalidation of the same name was made before, returns its generation
-- and 0, and raises nothing.
-- KEYS: generations, those of all tenants (or the same key), a name (optional).
-- ARGV: mode, a generation to stay above, limit, time to keep the name in ms,
-- scopes.
local time = redis.call('TIME')
-- A higher generation than this, or a key of another type, was written by
-- another program. The generation would hide all later invalidations.
local latest = time[1] * 1000000 + time[2] + 86400000000
for i = 1, 2 do
	if redis.call('TYPE', KEYS[i]).ok ~= 'zset' then
		redis.call('DEL', KEYS[i])
	end
	redis.call('ZREMRANGEBYSCORE', KEYS[i], string.format('(%.0f', latest), '+inf')
end
if KEYS[3] and redis.call('TYPE', KEYS[3]).ok == 'string' then
	local before = tonumber(redis.call('GET', KEYS[3]))
	if before and before <= latest then
		return { before, 0 }
	end
end
local own = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or 0
local all = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2] or 0
local above = tonumber(ARGV[2])
if above > latest then
	above = 0
end
local generation = math.max(tonumber(own) + 1, tonumber(all) + 1, above + 1, time[1] * 1000000 + time[2])
local text = string.format('%.0f', generation)
for i = 5, #ARGV do
	redis.call('ZADD', KEYS[1], text, ARGV[1] .. ' ' .. ARGV[i])
end
-- An invalidation for all tenants has to be above the generations of each.
redis.call('ZADD', KEYS[2], 'GT', text, 'newest')
-- Of too many scopes the older half is replaced by one for each mode, which
-- invalidates every value that is as old.
local count = redis.call('ZCARD', KEYS[1])
if count > tonumber(ARGV[3]) then
	local middle = math.floor(count / 2)
	local old = redis.call('ZRANGE', KEYS[1], 0, middle, 'WITHSCORES')
	redis.call('ZREMRANGEBYRANK', KEYS[1], 0, middle)
	for i = 1, #old, 2 do -- in the order of their generations
		redis.call('ZADD', KEYS[1], 'GT', old[i + 1], string.sub(old[i], 1, 5) == 'hard ' and 'hard all' or 'soft all')
	end
end
if KEYS[3] then
	redis.call('SET', KEYS[3], text, 'PX', ARGV[4])
end
return { generation, 1 }
