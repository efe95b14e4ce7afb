-- Compare and set, publish: one commit of one session. It never looks into a value.
-- KEYS: the session's. ARGV: 1 what its value begins with ("": there is none), 2 the new value, 3 when that expires,
-- 4 not after (of this server's clock; 0: any time), 5 the command to publish with, 6 the channel,
-- 7 the message, 8 whether the value follows it ("1").
-- Returns 1 where it was done, 0 where it came too late, else the value there is, which is another one.
if redis.call('GETRANGE', KEYS[1], 0, 16) ~= ARGV[1] then
	return redis.call('GET', KEYS[1]) or ''
end
if ARGV[4] ~= '0' then
	local now = redis.call('TIME')
	if now[1] * 1000 + math.floor(now[2] / 1000) > tonumber(ARGV[4]) then
		return 0
	end
end
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
if ARGV[8] == '1' then
	redis.call(ARGV[5], ARGV[6], ARGV[7] .. ARGV[2])
else
	redis.call(ARGV[5], ARGV[6], ARGV[7])
end
return 1
