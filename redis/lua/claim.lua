-- Takes a free index entry, on a cluster. ARGV: 3 entry, 4 expiry. Returns the
-- entry that is there instead, or nil.
local entry = redis.call('GET', KEYS[1])
if entry and entry ~= ARGV[3] then return entry end
enter(KEYS[1], ARGV[3], ARGV[4])
return false
