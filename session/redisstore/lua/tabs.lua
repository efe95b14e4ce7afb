-- Counts a node's tabs of a session, and tells the others. KEYS: the counts by node.
-- ARGV: 1 the node, 2 what to add, or 3 what to set to where that is not "", 4 the limit of all (0: none), 5 milliseconds to live,
-- 6 the command to publish with, 7 the channel, 8 the message, which the count follows, 9 how many nodes live, 10... these,
-- and those that are dead.
-- Returns what was done (1; 0: there would be too many; -1: there are counts of nodes that are neither), and all counts.
local living, dead = {}, {}
for i = 10, #ARGV do
	if i < 10 + tonumber(ARGV[9]) then
		living[ARGV[i]] = true
	else
		dead[ARGV[i]] = true
	end
end
living[ARGV[1]] = true
local all, total, mine = redis.call('HGETALL', KEYS[1]), 0, 0
for i = 1, #all, 2 do
	if dead[all[i]] then
		redis.call('HDEL', KEYS[1], all[i])
	elseif not living[all[i]] then
		return {-1, all}
	else
		total = total + tonumber(all[i + 1])
		if all[i] == ARGV[1] then
			mine = tonumber(all[i + 1])
		end
	end
end
if ARGV[4] ~= '0' and total + tonumber(ARGV[2]) > tonumber(ARGV[4]) then
	return {0, all}
end
local count = math.max(0, mine + tonumber(ARGV[2]))
if ARGV[3] ~= '' then
	count = tonumber(ARGV[3])
end
if count == 0 then
	redis.call('HDEL', KEYS[1], ARGV[1])
else
	redis.call('HSET', KEYS[1], ARGV[1], count)
	redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
redis.call(ARGV[6], ARGV[7], ARGV[8] .. count)
return {1, redis.call('HGETALL', KEYS[1])}
