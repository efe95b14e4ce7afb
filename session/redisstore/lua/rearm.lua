-- Moves an entry of the due index, unless somebody else did. KEYS: the index. ARGV: 1 the entry, 2 where it was, 3 where to; "": out.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then
	if ARGV[3] == '' then
		redis.call('ZREM', KEYS[1], ARGV[1])
	else
		redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
	end
end
return 1
