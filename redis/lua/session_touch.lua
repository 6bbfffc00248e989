-- Reads the index entry of a session made elsewhere, on a Cluster, and extends its life
-- to that of the session. ARGV: 3 life.
local entry = redis.call('GET', KEYS[1])
if entry and redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return entry
