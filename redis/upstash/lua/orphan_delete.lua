-- Deletes what belongs to a user who is gone. KEYS: 1 key, 2 user, 3 where a removed user
-- is kept. ARGV: 1 ID of the user that the record must belong to, none for what is not a
-- record.
if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then return 0 end
local v = fetch(KEYS[1])
if not v or ARGV[1] and owner(v) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
