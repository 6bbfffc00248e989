-- Restores a user that was removed, unless it exists again. KEYS: 1 user, 2 where it is
-- kept.
local v = fetch(KEYS[2])
if not v or redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], v)
return 1
