-- Stores a session. KEYS: 1 reply, 2 session, 3 the user's list. ARGV: 1 value, 2 expiry, 3
-- token, 4 the time, 5 the time in the form of JavaScript, 6 a session that is nobody's, or "".
-- Returns the value that is in the way, or "".
if replayed() then return '' end
local v = fetch(KEYS[2])
local s = session(v)
if v and not (s and (v == ARGV[6] or expired(s, ARGV[5]))) then return v end
if not v and redis.call('EXISTS', KEYS[2]) == 1 then return 'another type' end
redis.call('SET', KEYS[2], ARGV[1], 'PXAT', ARGV[2])
set_entry(KEYS[3], ARGV[3], ARGV[2], ARGV[4])
return keep_reply('')
