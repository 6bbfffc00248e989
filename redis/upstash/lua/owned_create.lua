-- Gives a user an account, a session or an authenticator. KEYS: 1 reply, 2 record, 3
-- user, 4 the user's last record of the kind, or its list of authenticators. ARGV: 1
-- record, 2 expiry or "", 3 credential ID or "", 4 what the keys of users begin with.
if said() then return 'OK' end
if redis.call('EXISTS', KEYS[3]) == 0 then return 'ABSENT' end
if owned(KEYS[2], ARGV[4]) then return 'HELD' end
put(KEYS[2], ARGV[1], ARGV[2])
if ARGV[3] == '' then
	redis.call('SET', KEYS[4], KEYS[2])
else
	local list = decode(redis.call('GET', KEYS[4]) or '[]') or {}
	list[#list + 1] = ARGV[3]
	redis.call('SET', KEYS[4], cjson.encode(list))
end
return say('OK')
