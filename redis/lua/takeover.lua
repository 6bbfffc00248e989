-- Replaces the index entry of a revoked claim, on a Cluster. ARGV: 3 revoked entry, 4
-- entry, 5 life. Returns the entry that is there instead, or nil.
local entry = redis.call('GET', KEYS[1])
if entry and entry ~= ARGV[3] and entry ~= ARGV[4] then return entry end
set_entry(KEYS[1], ARGV[4], ARGV[5])
return false
