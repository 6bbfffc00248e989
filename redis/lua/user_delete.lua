-- Removes all that a user has in its slot. ARGV: 3 ID, 4 life of the list of index
-- entries that are still to be released, in ms.
local id = ARGV[3]
local pending, entries = key('d', id), {}
if not single then entries = redis.call('LRANGE', pending, 0, -1) end
local function add(index, entry)
	entries[#entries + 1] = index
	entries[#entries + 1] = entry
end
local u = fetch(KEYS[1])
if u and u.e then add(key('e', escape(u.e)), u.x .. id) end
for hash, index in pairs({a = 'p', w = 'c'}) do
	local all = redis.call('HGETALL', key(hash, id))
	for i = 1, #all, 2 do add(key(index, all[i]), cmsgpack.unpack(all[i + 1]).x .. id) end
end
for _, member in ipairs(redis.call('ZRANGE', key('l', id), 0, -1)) do
	redis.call('DEL', key('s', id) .. ':' .. stored(member))
	foreign(entries, id, member)
end
redis.call('DEL', KEYS[1], key('a', id), key('w', id), key('l', id))
entries = release(entries)
if #entries > 0 then
	redis.call('DEL', pending)
	for i = 1, #entries do redis.call('RPUSH', pending, entries[i]) end
	redis.call('PEXPIRE', pending, ARGV[4])
end
return entries
