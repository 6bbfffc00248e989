-- Deletes an index entry on a Cluster, unless it is another claim's by now. ARGV: 3
-- entry.
if redis.call('GET', KEYS[1]) == ARGV[3] then redis.call('DEL', KEYS[1]) end
return 1
