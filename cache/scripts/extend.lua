-- Gives the owner of a lock its lease anew, also where the lock has expired
-- and nobody took it. KEYS: lock. ARGV: owner, lease in ms.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
	return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
