-- Stores a verification row, and its token in the index of its identifier. KEYS: 1 reply, 2
-- row, 3 index. ARGV: 1 row, 2 expiry, 3 token, 4 the time.
if replayed() then return 'OK' end
redis.call('SET', KEYS[2], ARGV[1], 'PXAT', ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[4])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[3])
local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[3], string.format('%.0f', last[2]))
return keep_reply('OK')
