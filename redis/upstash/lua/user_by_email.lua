-- Returns the user that an index entry leads to. KEYS: 1 index. ARGV: 1 what the keys of
-- users begin with.
local id = redis.call('GET', KEYS[1])
return id and redis.call('GET', ARGV[1] .. id)
