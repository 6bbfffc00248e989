--!df flags=allow-undeclared-keys
-- Puts a user in the place of what was read, and moves its address. KEYS: 1 reply, 2
-- user, then the index of the old address if that goes, then that of the new one if there
-- is one. ARGV: 1 what was read, 2 user, 3 new address, "" for none or the same, 4 "1" if
-- the old one goes, 5 ID, 6 what the keys of users begin with.
if said() then return 'OK' end
local v = fetch(KEYS[2])
if not v then return 'ABSENT' end
if v ~= ARGV[1] then return 'CHANGED' end
if ARGV[3] ~= '' and taken(KEYS[#KEYS], ARGV[3], ARGV[6], ARGV[5]) then return 'EMAIL' end
redis.call('SET', KEYS[2], ARGV[2])
if ARGV[4] == '1' and lead(KEYS[3]) == ARGV[5] then redis.call('DEL', KEYS[3]) end
if ARGV[3] ~= '' then redis.call('SET', KEYS[#KEYS], ARGV[5]) end
return say('OK')
