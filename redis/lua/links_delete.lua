-- Deletes an identifier's tokens. KEYS: these, reply.
local reply = replayed()
if reply then return reply end
redis.call('UNLINK', KEYS[1])
return 'OK'
