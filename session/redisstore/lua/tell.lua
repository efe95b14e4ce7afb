-- Adds the lines of one commit to the story, once.
-- KEYS: 1 the lines, 2 the number of the last one, 3 the last commit of the session that was told.
-- ARGV: 1 the session's revision, 2 milliseconds to remember it, 3 lines to keep, 4 the lineage, 5 its first number,
-- 6 the command to publish with, 7 the channel, 8... the lines.
if tonumber(redis.call('GET', KEYS[3]) or '0') >= tonumber(ARGV[1]) then
	return 0
end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
local lineage = redis.call('HGET', KEYS[2], 'lineage')
if lineage ~= ARGV[4] then
	redis.call('HSET', KEYS[2], 'lineage', ARGV[4])
	-- Where the story may have lost its end, its numbers go on where none ever was.
	if lineage and tonumber(ARGV[4]) > tonumber(lineage) then
		redis.call('HSET', KEYS[2], 'newest', ARGV[5])
	end
end
for i = 8, #ARGV do
	local seq = redis.call('HINCRBY', KEYS[2], 'newest', 1)
	redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], string.format('%.0f-0', seq), 'l', ARGV[i])
end
redis.call(ARGV[6], ARGV[7], 's')
return 1
