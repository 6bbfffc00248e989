-- Puts a record in the place of what was read. KEYS: 1 reply, 2 record. ARGV: 1 what was
-- read, 2 record, 3 expiry or "", 4 what the keys of users begin with.
if said() then return 'OK' end
local v = redis.call('GET', KEYS[2])
if not v or not owned(KEYS[2], ARGV[4]) then return 'ABSENT' end
if v ~= ARGV[1] then return 'CHANGED' end
put(KEYS[2], ARGV[2], ARGV[3])
return say('OK')
