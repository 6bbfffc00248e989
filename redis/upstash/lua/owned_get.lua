-- Returns a record and its user. KEYS: 1 record. ARGV: 1 what the keys of users begin with.
local v = redis.call('GET', KEYS[1])
if not v then return false end
local id = owner(v)
local u = id and redis.call('GET', ARGV[1] .. id)
if id and not u then return false end
return {v, u or ''}
