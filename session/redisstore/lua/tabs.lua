-- Counts a node's tabs of a session, and tells the others. KEYS: the counts by node; in its field n the number of the last change.
-- ARGV: 1 the node, 2 what to add, or 3 what to set to where that is not "", 4 the limit of all (0: none), 5 milliseconds to live,
-- 6 the command to publish with, 7 the channel, 8 the message, which the counts follow, 9 how many nodes live, 10... these,
-- and those that are dead.
-- Returns what was done (1; 0: there would be too many; -1: there are counts of nodes that are neither), and all counts as a text:
-- the number, then each node and its count, each behind by a space.
local living, dead = {}, {}
for i = 10, #ARGV do
	if i < 10 + tonumber(ARGV[9]) then
		living[ARGV[i]] = true
	else
		dead[ARGV[i]] = true
	end
end
living[ARGV[1]] = true
local number, counts, unknown = 0, {}, false
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
	if all[i] == 'n' then
		number = tonumber(all[i + 1])
	elseif dead[all[i]] then
		redis.call('HDEL', KEYS[1], all[i])
	else
		counts[all[i]] = tonumber(all[i + 1])
		unknown = unknown or not living[all[i]]
	end
end
local function text()
	local parts = {string.format('%.0f ', number)}
	for node, count in pairs(counts) do
		parts[#parts + 1] = node .. string.format('%.0f ', count)
	end
	return table.concat(parts)
end
if unknown then
	return {-1, text()}
end
local total = 0
for _, count in pairs(counts) do
	total = total + count
end
if ARGV[4] ~= '0' and total + tonumber(ARGV[2]) > tonumber(ARGV[4]) then
	return {0, text()}
end
local count = math.max(0, (counts[ARGV[1]] or 0) + tonumber(ARGV[2]))
if ARGV[3] ~= '' then
	count = tonumber(ARGV[3])
end
counts[ARGV[1]] = count > 0 and count or nil
-- Numbers rise also where the last tab left, and the hash with it: they are the microseconds of the clock, unless that stood still.
local now = redis.call('TIME')
number = math.max(number + 1, now[1] * 1000000 + now[2])
if next(counts) == nil then
	redis.call('DEL', KEYS[1])
else
	if count > 0 then
		redis.call('HSET', KEYS[1], ARGV[1], count)
	else
		redis.call('HDEL', KEYS[1], ARGV[1])
	end
	redis.call('HSET', KEYS[1], 'n', string.format('%.0f', number))
	redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
redis.call(ARGV[6], ARGV[7], ARGV[8] .. text())
return {1, text()}
