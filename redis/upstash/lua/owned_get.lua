--!df flags=allow-undeclared-keys
-- Returns a record, its user, its key and the user's ID; no user and no ID if Lua cannot
-- tell whose it is. KEYS: the keys that it can have. ARGV: 1 what the keys of users begin with, 2 the credential ID of
-- an authenticator that can have two.
for _, key in ipairs(KEYS) do
	local v = fetch(key)
	if v and (#KEYS == 1 or names(v, ARGV[2])) then
		local id = owner(v)
		local u = id and fetch(ARGV[1] .. id)
		if id and not u then return false end
		return {v, u or '', key, id or ''}
	end
end
return false
