-- Replaces a record if it is as it was read. KEYS: 1 reply, 2 record, 3 user. ARGV: 1 the
-- record that was read, 2 the new record, 3 expiry or "".
if replayed() then return 'OK' end
local v = fetch(KEYS[2])
if not v or not fetch(KEYS[3]) then return 'ABSENT' end
if v ~= ARGV[1] then return 'CHANGED' end
put(KEYS[2], ARGV[2], ARGV[3])
return keep_reply('OK')
