-- Reads the index entry of a session that was made elsewhere, on a cluster, and lets
-- it live at least as long as the session will. ARGV: 3 life.
local entry = redis.call('GET', KEYS[1])
if entry and redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return entry
