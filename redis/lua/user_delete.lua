--!df flags=allow-undeclared-keys
-- Deletes everything that a user has in its slot. KEYS: user, accounts, authenticators,
-- list of sessions, ended sessions, index entries still to be released, reply. ARGV: 3
-- ID, 4 life of the list of these entries, in ms. Returns "OK", or "MORE" if there are
-- ended sessions to delete, and these entries.
local id, user, accounts, authenticators, sessions, ended, unreleased = ARGV[3], (unpack or table.unpack)(KEYS)
local reply = replayed()
if reply then return {reply, single and {} or redis.call('LRANGE', unreleased, 0, -1)} end
local entries, u, current = {}, fetch(user)
if u and u.e then entries = {key('e', escape(u.e)), (u.x or current) .. id} end
redis.call('DEL', user)
if single and redis.call('EXISTS', accounts, authenticators, sessions, ended) == 0 then
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
local status = end_sessions(entries, id, sessions, ended)
redis.call('DEL', accounts, authenticators)
if not single then
	for _, entry in ipairs(redis.call('LRANGE', unreleased, 0, -1)) do entries[#entries + 1] = entry end
end
entries = release(entries)
if #entries > 0 then
	redis.call('DEL', unreleased)
	for i = 1, #entries do redis.call('RPUSH', unreleased, entries[i]) end
	redis.call('PEXPIRE', unreleased, ARGV[4])
end
return {status == 'OK' and status or keep_reply(status), entries}
