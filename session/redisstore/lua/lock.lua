-- Takes a lock. KEYS: it. ARGV: 1 whose, 2 milliseconds. Returns this server's time, or 0 where somebody else has it.
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
	return 0
end
local now = redis.call('TIME')
return now[1] * 1000 + math.floor(now[2] / 1000)
