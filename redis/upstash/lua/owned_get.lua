--!df flags=allow-undeclared-keys
-- Reads a record and its user. KEYS: the keys that the record can have. ARGV: 1 prefix of
-- users, 2 the credential ID of an authenticator that can have two keys. Returns the
-- record, its user, its key and the user's ID; no user and no ID if Lua cannot tell whose
-- it is.
for _, key in ipairs(KEYS) do
	local v = fetch(key)
	if v and (#KEYS == 1 or is_credential(v, ARGV[2])) then
		local id = owner(v)
		local u = id and fetch(ARGV[1] .. id)
		if id and not u then return false end
		return {v, u or '', key, id or ''}
	end
end
return false
