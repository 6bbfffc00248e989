--!df flags=allow-undeclared-keys
-- Replaces a user if it is as it was read, and moves its address in the index. KEYS: 1
-- reply, 2 user, then the index entry of the old address if it changes, then that of the
-- new one if there is one. ARGV: 1 the user that was read, 2 the new one, 3 new address,
-- "" for none or no change, 4 "1" if the old address is given up, 5 ID, 6 prefix of
-- users.
if replayed() then return 'OK' end
local v = fetch(KEYS[2])
if not v then return 'ABSENT' end
if v ~= ARGV[1] then return 'CHANGED' end
if ARGV[3] ~= '' and taken(KEYS[#KEYS], ARGV[3], ARGV[6], ARGV[5]) then return 'EMAIL' end
redis.call('SET', KEYS[2], ARGV[2])
if ARGV[4] == '1' and entry_id(KEYS[3]) == ARGV[5] then redis.call('DEL', KEYS[3]) end
if ARGV[3] ~= '' then redis.call('SET', KEYS[#KEYS], ARGV[5]) end
return keep_reply('OK')
