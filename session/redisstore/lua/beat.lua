-- Says that a node lives, and who else does. KEYS: the nodes. ARGV: 1 the node, 2 milliseconds after which a silent one is dead.
-- Returns 1 where the node was not known, or thought dead, and those that live.
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms - ARGV[2])
local new = redis.call('ZADD', KEYS[1], ms, ARGV[1])
return {new, redis.call('ZRANGE', KEYS[1], 0, -1)}
