-- Starts the lease of a lock's owner again. Returns 0 if the lock has expired,
-- since another process may have had it meanwhile, and published.
-- KEYS: lock. ARGV: owner, lease in ms.
if redis.call('GET', KEYS[1]) == ARGV[1] then
	return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
