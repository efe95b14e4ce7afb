-- Reads the story at one moment. KEYS: 1 the lines, 2 the number of the last one. ARGV: 1 from, 2 how many.
-- Returns the newest number, the first line there is, and lines.
local lines = {}
if ARGV[2] ~= '0' then
	lines = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
end
return {redis.call('HGET', KEYS[2], 'newest') or '0', redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1), lines}
