-- Finds the lineage of replication ids: the newest of theirs. Those that are not known begin the next: seconds, later than any before.
-- KEYS: what is known. ARGV: 1 the second that counts as 0, 2 how many are kept that are none of these, 3... the ids.
-- Returns it, and 1 where there was an earlier one.
local known, oldest, newest = {}, math.huge, 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
	known[all[i]] = tonumber(all[i + 1])
	oldest, newest = math.min(oldest, known[all[i]]), math.max(newest, known[all[i]])
end
local lineage, next = 0, nil
for i = 3, #ARGV do
	local at = known[ARGV[i]]
	if not at then
		next = next or math.max(redis.call('TIME')[1] - ARGV[1], newest + 1)
		at = next
		redis.call('HSET', KEYS[1], ARGV[i], at)
	end
	lineage = math.max(lineage, at)
	known[ARGV[i]] = nil
end
if next then
	local old = {}
	for id in pairs(known) do
		old[#old + 1] = id
	end
	table.sort(old, function(a, b) return known[a] < known[b] end)
	for i = 1, #old - tonumber(ARGV[2]) do
		redis.call('HDEL', KEYS[1], old[i])
	end
end
return {lineage, oldest < lineage and 1 or 0}
