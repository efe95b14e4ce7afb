-- Finds the lineage of a replication id, or gives it the next: seconds, later than any before. KEYS: all of them.
-- ARGV: 1 the id, 2 the second that counts as 0, 3 how many are kept.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
	return tonumber(known)
end
local next = redis.call('TIME')[1] - ARGV[2]
local all = redis.call('HGETALL', KEYS[1])
local oldest, oldestAt = nil, nil
for i = 1, #all, 2 do
	local at = tonumber(all[i + 1])
	next = math.max(next, at + 1)
	if not oldestAt or at < oldestAt then
		oldest, oldestAt = all[i], at
	end
end
if #all / 2 >= tonumber(ARGV[3]) then
	redis.call('HDEL', KEYS[1], oldest)
end
redis.call('HSET', KEYS[1], ARGV[1], next)
return next
