-- Takes the outbox off a value, once it was carried out.
-- KEYS: the session's. ARGV: 1 what its value begins with, 2 the bytes before the outbox, 3 milliseconds to live ("0": as before).
if redis.call('GETRANGE', KEYS[1], 0, 16) == ARGV[1] then
	local value = redis.call('GET', KEYS[1])
	redis.call('SET', KEYS[1], string.sub(value, 1, tonumber(ARGV[2])), 'KEEPTTL')
	if ARGV[3] ~= '0' then
		redis.call('PEXPIRE', KEYS[1], ARGV[3])
	end
end
return 1
