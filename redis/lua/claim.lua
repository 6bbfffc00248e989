-- Creates an index entry on a Cluster, unless there is another. ARGV: 3 entry, 4 life.
-- Returns the server's time, ":", and the entry that is there instead, if there is one.
local entry = redis.call('GET', KEYS[1])
if not entry or entry == ARGV[3] then
	set_entry(KEYS[1], ARGV[3], ARGV[4])
	entry = ''
end
return string.format('%.0f:', now()) .. entry
