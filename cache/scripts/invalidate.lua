-- Raises the generation of scopes above all that there are, by the clock, so
-- that it goes on rising when the data is lost. Tells the fleet.
-- KEYS: generations. ARGV: how, a generation to stay above, channel, limit, scopes.
local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or 0
local time = redis.call('TIME')
local generation = math.max(tonumber(newest) + 1, tonumber(ARGV[2]) + 1, time[1] * 1000000 + time[2])
local text = string.format('%.0f', generation)
local message = { 'invalidated ' .. text .. ' ' .. ARGV[1] }
for i = 5, #ARGV do
	redis.call('ZADD', KEYS[1], text, ARGV[1] .. ' ' .. ARGV[i])
	message[#message + 1] = ARGV[i]
end
-- Too many scopes: the older half is forgotten, and all that is older than
-- them counts as invalidated.
local count = redis.call('ZCARD', KEYS[1])
if count > tonumber(ARGV[4]) then
	local middle = math.floor(count / 2)
	local forgotten = redis.call('ZRANGE', KEYS[1], middle, middle, 'WITHSCORES')[2]
	redis.call('ZREMRANGEBYRANK', KEYS[1], 0, middle)
	redis.call('ZADD', KEYS[1], 'GT', forgotten, 'hard all')
end
redis.call('PUBLISH', ARGV[3], table.concat(message, '\n'))
return text
