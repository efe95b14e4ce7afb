-- Writes down again when a session's value expires, which changes nothing, so that WAIT behind it asks whether replicas have the value.
-- KEYS: the session's. ARGV: what its value begins with. Returns 1, or the value there is where it is another one.
local left = redis.call('PTTL', KEYS[1])
if left > 0 then
	redis.call('PEXPIRE', KEYS[1], left)
end
if redis.call('GETRANGE', KEYS[1], 0, 16) == ARGV[1] then
	return 1
end
return redis.call('GET', KEYS[1]) or ''
