-- Deletes a value if it is as it was found. KEYS: 1 key. ARGV: 1 the value that was
-- found.
if fetch(KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
