-- Puts a session on a user's list, which lives as long as the longest of its sessions.
-- KEYS: the list. ARGV: 1 the time, 2 the session, 3 when its last token ends.
redis.call('ZADD', KEYS[1], 'NX', ARGV[1], ARGV[2])
local now = redis.call('TIME')
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) - now[1] * 1000 then
	redis.call('PEXPIREAT', KEYS[1], ARGV[3])
end
return 1
