-- KEYS: an identifier's tokens, answer.
local before = answered()
if before then return before end
redis.call('UNLINK', KEYS[1])
return answer('OK')
