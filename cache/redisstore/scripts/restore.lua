-- Puts back generations that were lost. What is higher stays. A key of another
-- type was not made by us.
-- KEYS: generations. ARGV: pairs of a generation and its scope.
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then
	redis.call('DEL', KEYS[1])
end
for i = 1, #ARGV, 2 do
	redis.call('ZADD', KEYS[1], 'GT', ARGV[i], ARGV[i + 1])
end
return 1
