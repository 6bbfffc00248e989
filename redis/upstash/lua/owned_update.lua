-- Puts a record in the place of what was read. KEYS: 1 reply, 2 record, 3 user. ARGV: 1
-- what was read, 2 record, 3 expiry or "".
if said() then return 'OK' end
local v = fetch(KEYS[2])
if not v or not fetch(KEYS[3]) then return 'ABSENT' end
if v ~= ARGV[1] then return 'CHANGED' end
put(KEYS[2], ARGV[2], ARGV[3])
return say('OK')
