-- Puts back generations that were lost. A higher one stays. A key of another type
-- was written by another program.
-- KEYS: generations. ARGV: pairs of a generation and its scope.
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then
	redis.call('DEL', KEYS[1])
end
for i = 1, #ARGV, 2 do
	redis.call('ZADD', KEYS[1], 'GT', ARGV[i], ARGV[i + 1])
end
return 1
