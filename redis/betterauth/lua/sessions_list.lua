--!df flags=allow-undeclared-keys
-- Returns when all sessions of a user were ended, and the tokens and values of those in the
-- user's list. KEYS: 1 list, 2 that time. ARGV: 1 prefix of tokens.
local found = {fetch(KEYS[2]) or ''}
for _, e in ipairs(entries(KEYS[1])) do
	local v = fetch(ARGV[1] .. e.token)
	if v then
		found[#found + 1] = e.token
		found[#found + 1] = v
	end
end
return found
