-- Gives a user an account, a session or an authenticator. KEYS: 1 reply, 2 user, 3 the
-- user's last record of the kind, or its list of authenticators, 4 record; for an
-- authenticator there may be two keys that it can have. ARGV: 1 record, 2 expiry or "", 3
-- credential ID or "", 4 what the keys of users begin with.
if said() then return 'OK' end
if redis.call('EXISTS', KEYS[2]) == 0 then return 'ABSENT' end
local free
for i = 4, #KEYS do
	if not owned(KEYS[i], ARGV[4]) then
		free = free or KEYS[i]
	elseif #KEYS == 4 or names(redis.call('GET', KEYS[i]), ARGV[3]) then
		return 'HELD'
	end
end
if not free then return 'HELD' end
put(free, ARGV[1], ARGV[2])
if ARGV[3] == '' then
	redis.call('SET', KEYS[3], free)
else
	local list = decode(redis.call('GET', KEYS[3]) or '[]') or {}
	list[#list + 1] = ARGV[3]
	redis.call('SET', KEYS[3], cjson.encode(list))
end
return say('OK')
