-- Returns a record, its user and its key. KEYS: the keys that it can have. ARGV: 1 what
-- the keys of users begin with, 2 the credential ID of an authenticator that can have two.
for _, key in ipairs(KEYS) do
	local v = redis.call('GET', key)
	if v and (#KEYS == 1 or names(v, ARGV[2])) then
		local id = owner(v)
		local u = id and redis.call('GET', ARGV[1] .. id)
		if id and not u then return false end
		return {v, u or '', key}
	end
end
return false
