-- Removes all that a user has in its slot. ARGV: 3 ID, 4 life of the list of index
-- entries that are still to be released, in ms. It answers with these entries.
local id = ARGV[3]
local tag = ':{' .. id .. '}'
local accounts, authenticators, sessions, pending = P .. 'a' .. tag, P .. 'w' .. tag, P .. 'l' .. tag, P .. 'd' .. tag
local entries, u = {}, redis.call('GET', KEYS[1])
if u then
	u = cmsgpack.unpack(u)
	if u.e then entries = {P .. 'e:{' .. escape(u.e) .. '}', u.x .. id} end
end
if single and redis.call('EXISTS', accounts, authenticators, sessions) == 0 then
	if #entries > 0 and redis.call('GET', entries[1]) == entries[2] then redis.call('DEL', entries[1]) end
	redis.call('DEL', KEYS[1])
	return {}
end
-- common.lua
for index, hash in pairs({p = accounts, c = authenticators}) do
	local all = redis.call('HGETALL', hash)
	for i = 1, #all, 2 do
		entries[#entries + 1] = key(index, all[i])
		entries[#entries + 1] = cmsgpack.unpack(all[i + 1]).x .. id
	end
end
for _, member in ipairs(redis.call('ZRANGE', sessions, 0, -1)) do
	redis.call('DEL', P .. 's' .. tag .. ':' .. stored(member))
	foreign(entries, id, member)
end
if not single then
	for _, entry in ipairs(redis.call('LRANGE', pending, 0, -1)) do entries[#entries + 1] = entry end
end
redis.call('DEL', KEYS[1], accounts, authenticators, sessions)
entries = release(entries)
if #entries > 0 then
	redis.call('DEL', pending)
	for i = 1, #entries do redis.call('RPUSH', pending, entries[i]) end
	redis.call('PEXPIRE', pending, ARGV[4])
end
return entries
