-- Replaces a session if it is as it was read. KEYS: 1 reply, 2 session, 3 the user's list.
-- ARGV: 1 the value that was read, 2 the new value, 3 expiry, 4 token, 5 the time.
if replayed() then return 'OK' end
local v = fetch(KEYS[2])
if not v then return 'ABSENT' end
if v ~= ARGV[1] then return 'CHANGED' end
redis.call('SET', KEYS[2], ARGV[2], 'PXAT', ARGV[3])
set_entry(KEYS[3], ARGV[4], ARGV[3], ARGV[5])
return keep_reply('OK')
