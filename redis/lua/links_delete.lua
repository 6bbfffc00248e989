-- KEYS: an identifier's tokens, answer.
local again = answered()
if again then return again end
redis.call('UNLINK', KEYS[1])
return 'OK'
