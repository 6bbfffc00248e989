-- KEYS[1] is the list. ARGV: 3 ID, 4 stored tokens to keep. Returns the index entries to
-- release.
local id, keep, entries = ARGV[3], {}, {}
for _, token in ipairs(cmsgpack.unpack(ARGV[4])) do keep[token] = true end
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
	local token = stored(member)
	if not keep[token] then
		redis.call('DEL', key('s', id) .. ':' .. token)
		redis.call('ZREM', KEYS[1], member)
		foreign(entries, id, member)
	end
end
return release(entries)
