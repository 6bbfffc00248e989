--!df flags=allow-undeclared-keys
-- Gives a user an account, a session or an authenticator. KEYS: 1 reply, 2 user, 3 the
-- user's last record of the kind, or its list of authenticators, 4 record; for an
-- authenticator there may be two keys that it can have. ARGV: 1 record, 2 expiry or "", 3
-- credential ID or "", 4 the same in JSON, 5 what the keys of users begin with, 6
-- the time for a session, which may take the token of one that has expired, else "".
if said() then return 'OK' end
if not fetch(KEYS[2]) then return 'ABSENT' end
local free
for i = 4, #KEYS do
	if not owned(KEYS[i], ARGV[5]) or over(KEYS[i], ARGV[6]) then
		free = free or KEYS[i]
	elseif #KEYS == 4 or names(fetch(KEYS[i]) or '', ARGV[3]) then
		return 'HELD'
	end
end
if not free then return 'HELD' end
put(free, ARGV[1], ARGV[2])
if ARGV[3] == '' then
	point(KEYS[3], free)
else
	-- The others in the list stay as they are written: cjson would change some.
	local list = fetch(KEYS[3]) or '[]'
	local others = decode(list) and string.match(list, '^%s*%[(.*)%]%s*$')
	if others then point(KEYS[3], '[' .. others .. (string.find(others, '%S') and ',' or '') .. ARGV[4] .. ']') end
end
return say('OK')
