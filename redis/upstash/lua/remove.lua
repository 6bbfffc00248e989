-- Removes what was found in a walk, if it is as it was. KEYS: 1 key. ARGV: 1 what was
-- found.
if fetch(KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
