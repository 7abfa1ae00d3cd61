-- Puts back generations that were lost. A higher one stays. A key of another type
-- was written by another program.
-- KEYS: generations, those of all tenants. ARGV: pairs of a generation and its
-- scope.
for i = 1, 2 do
	if redis.call('TYPE', KEYS[i]).ok ~= 'zset' then
		redis.call('DEL', KEYS[i])
	end
end
for i = 1, #ARGV, 2 do
	redis.call('ZADD', KEYS[1], 'GT', ARGV[i], ARGV[i + 1])
end
return 1
