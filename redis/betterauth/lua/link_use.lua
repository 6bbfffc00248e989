-- Takes a verification row. KEYS: 1 row, 2 index. ARGV: 1 token. Returns it, and "1" if it can be
-- read: only then it was deleted.
local v = fetch(KEYS[1])
if not v then return false end
local r = decode(v)
if not r or type(r.expiresAt) ~= 'string' then return {v, '0'} end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return {v, '1'}
