-- Replaces the blob of a key unless what is there is newer, and tells the fleet.
-- KEYS: blob, lock. ARGV: owner (empty: pushed back after an outage), window,
-- generation, blob, how long to keep it in ms, channel, message.
if ARGV[1] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[1] then
	return 0
end
-- What is not a blob of ours makes room.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
	redis.call('DEL', KEYS[1])
end
local there = redis.call('HMGET', KEYS[1], 'window', 'generation')
local window, generation = tonumber(there[1] or '') or -1, tonumber(there[2] or '') or -1
local newWindow, newGeneration = tonumber(ARGV[2]), tonumber(ARGV[3])
-- What will begin in more than a second was made by a clock that was wrong.
local time = redis.call('TIME')
local latest = time[1] * 1000000 + time[2] + 1000000
if newWindow > latest then
	return 0
end
-- Nor was a generation of tomorrow raised by an invalidation.
if generation > latest + 86400000000 then
	generation = -1
end
local newer = window > newWindow or (window == newWindow and generation > newGeneration)
-- A process gives back all that it has, mostly what is there already: to tell
-- of that would have the whole fleet read every key.
local same = window == newWindow and generation == newGeneration
if window <= latest and (newer or (same and ARGV[1] == '')) then
	return 0
end
redis.call('HSET', KEYS[1], 'window', ARGV[2], 'generation', ARGV[3], 'blob', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 1
