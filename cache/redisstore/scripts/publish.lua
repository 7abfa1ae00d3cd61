-- Replaces the blob of a key unless the present one is newer, and sends a message.
-- KEYS: blob, lock. ARGV: owner (empty: restored after an outage), window,
-- generation, start of its producer, blob, time to keep it in ms, channel,
-- message. Times are in microseconds.
if ARGV[1] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[1] then
	return 0
end
-- A key of another type was written by another program.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
	redis.call('DEL', KEYS[1])
end
-- A window that begins more than ten seconds from now comes from a wrong clock.
-- The clocks of a Cluster's nodes differ by less.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if tonumber(ARGV[2]) > now + 10000000 then
	return 0
end
local there = redis.call('HMGET', KEYS[1], 'window', 'generation', 'read')
local old, new = {}, {}
for i = 1, 3 do
	old[i], new[i] = tonumber(there[i] or '') or -1, tonumber(ARGV[i + 1])
	-- Values of the future do not count. A generation has a day of tolerance.
	if old[i] > now + (i == 2 and 86400000000 or 10000000) then
		old[i] = -1
	end
end
-- By window, then by when the producers began. Where that was at the same time,
-- within 250 ms, by generation first.
local by = { 1, 3 }
if math.abs(old[3] - new[3]) <= 250000 then
	by = { 1, 2, 3 }
end
local order = 0 -- 1: the present blob is newer; -1: the new one is
for _, i in ipairs(by) do
	if order == 0 and old[i] ~= new[i] then
		order = old[i] > new[i] and 1 or -1
	end
end
-- A process restores all that it holds, most of which is there already. A message
-- for each would make the whole fleet read every key.
if order > 0 or (order == 0 and ARGV[1] == '') then
	return 0
end
redis.call('HSET', KEYS[1], 'window', ARGV[2], 'generation', ARGV[3], 'read', ARGV[4], 'blob', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PUBLISH', ARGV[7], ARGV[8])
return 1
