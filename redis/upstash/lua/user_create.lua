--!df flags=allow-undeclared-keys
-- Makes a user, and its account if there is one. KEYS: 1 reply, 2 user, 3 mark of its
-- deletion, then the index of the address if there is one, then the account and the
-- user's last account if there is one. ARGV: 1 user, 2 address or "", 3 account or "", 4
-- what the keys of users begin with, 5 ID.
if said() then return 'OK' end
if redis.call('EXISTS', KEYS[3]) == 1 then return 'DELETED' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'ID' end
local account, last = KEYS[#KEYS - 1], KEYS[#KEYS]
if ARGV[2] ~= '' and taken(KEYS[4], ARGV[2], ARGV[4]) then return 'EMAIL' end
if ARGV[3] ~= '' and owned(account, ARGV[4]) then return 'ACCOUNT' end
redis.call('SET', KEYS[2], ARGV[1])
if ARGV[2] ~= '' then redis.call('SET', KEYS[4], ARGV[5]) end
if ARGV[3] ~= '' then
	redis.call('SET', account, ARGV[3])
	point(last, account)
end
return say('OK')
