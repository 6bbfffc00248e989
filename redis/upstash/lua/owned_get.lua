-- Returns a record and its user. KEYS: 1 record. ARGV: 1 what the keys of users begin with.
local v = redis.call('GET', KEYS[1])
local r = v and decode(v)
if not v then return false end
local u = r and redis.call('GET', ARGV[1] .. tostring(r.userId))
if r and not u then return false end
return {v, u or ''}
