-- Replaces the blob of a key unless what is there is newer, and tells the fleet.
-- KEYS: blob, lock. ARGV: owner (empty: restored after an outage), window,
-- generation, when its producer began, blob, how long to keep it in ms, channel,
-- message. Times are in microseconds.
if ARGV[1] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[1] then
	return 0
end
-- What is not a blob of ours makes room.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
	redis.call('DEL', KEYS[1])
end
-- What will begin in more than ten seconds was made by a clock that was wrong.
-- The clocks of a Cluster's nodes differ by less.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if tonumber(ARGV[2]) > now + 10000000 then
	return 0
end
local there = redis.call('HMGET', KEYS[1], 'window', 'generation', 'read')
local order = 0 -- of what is there before what is new
for i = 1, 3 do
	local old, new = tonumber(there[i] or '') or -1, tonumber(ARGV[i + 1])
	-- Nor was a generation of tomorrow raised by an invalidation.
	if old > now + (i == 2 and 86400000000 or 10000000) then
		old = -1
	end
	if order == 0 and old ~= new then
		order = old > new and 1 or -1
	end
end
-- A process restores all that it holds, mostly what is there already: to tell
-- of that would have the whole fleet read every key.
if order > 0 or (order == 0 and ARGV[1] == '') then
	return 0
end
redis.call('HSET', KEYS[1], 'window', ARGV[2], 'generation', ARGV[3], 'read', ARGV[4], 'blob', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PUBLISH', ARGV[7], ARGV[8])
return 1
