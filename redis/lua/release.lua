-- Removes an index entry, on a cluster, unless it is somebody else's. ARGV: 3 entry.
if redis.call('GET', KEYS[1]) == ARGV[3] then redis.call('DEL', KEYS[1]) end
return 1
