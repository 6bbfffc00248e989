-- Puts an index entry in the place of one that was revoked, on a cluster. ARGV: 3
-- revoked entry, 4 entry, 5 life. Returns the entry that is there instead, or nil.
local entry = redis.call('GET', KEYS[1])
if entry and entry ~= ARGV[3] and entry ~= ARGV[4] then return entry end
enter(KEYS[1], ARGV[4], ARGV[5])
return false
