--!df flags=allow-undeclared-keys
-- Removes all that a user has in its slot. KEYS: user, accounts, authenticators, list of
-- sessions, the one put aside, list of index entries that are still to be released,
-- answer. ARGV: 3 ID, 4 life of that list, in ms. It answers "OK", or "MORE" for what is
-- put aside, and with these entries.
local id, user, accounts, authenticators, sessions, aside, pending = ARGV[3], unpack(KEYS)
local again = answered()
if again then return {again, single and {} or redis.call('LRANGE', pending, 0, -1)} end
local entries, u, current = {}, fetch(user)
if u and u.e then entries = {key('e', escape(u.e)), (u.x or current) .. id} end
redis.call('DEL', user)
if single and redis.call('EXISTS', accounts, authenticators, sessions, aside) == 0 then
	if #entries > 0 and redis.call('GET', entries[1]) == entries[2] then redis.call('DEL', entries[1]) end
	return {'OK'}
end
-- common.lua
for index, hash in pairs({p = accounts, c = authenticators}) do
	local all = redis.call('HGETALL', hash)
	for i = 1, #all, 2 do
		entries[#entries + 1] = key(index, all[i])
		entries[#entries + 1] = cmsgpack.unpack(all[i + 1]).x .. id
	end
end
local status = retire(entries, id, sessions, aside)
redis.call('DEL', accounts, authenticators)
if not single then
	for _, entry in ipairs(redis.call('LRANGE', pending, 0, -1)) do entries[#entries + 1] = entry end
end
entries = release(entries)
if #entries > 0 then
	redis.call('DEL', pending)
	for i = 1, #entries do redis.call('RPUSH', pending, entries[i]) end
	redis.call('PEXPIRE', pending, ARGV[4])
end
return {status == 'OK' and status or answer(status), entries}
