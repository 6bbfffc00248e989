-- KEYS[1] is the list of an identifier's tokens. ARGV: 3 the token's key without the token.
for _, token in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('DEL', ARGV[3] .. token) end
redis.call('DEL', KEYS[1])
return 1
