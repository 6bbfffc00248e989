-- Puts right what was found in a walk, if it is as it was. KEYS: 1 key, 2 another one,
-- which must not be there. ARGV: 1 what was found, 2 what is put in its place, "" to
-- remove it.
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local v = redis.call('GET', KEYS[1]) or ''
if v ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') end
return 1
