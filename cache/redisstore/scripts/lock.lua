-- Gives a lock to the owner unless another owner has it. A lock without an
-- expiry, or with one beyond the lease, was written by another program and is
-- replaced.
-- KEYS: lock. ARGV: owner, lease in ms.
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left <= tonumber(ARGV[2]) and redis.call('TYPE', KEYS[1]).ok == 'string' then
	return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
