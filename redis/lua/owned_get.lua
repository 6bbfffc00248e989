-- Reads an account or an authenticator, and its user. ARGV: 3 ID or "", 4 hash, 5 field.
local id = resolve(ARGV[3])
if not id then return false end
local record = redis.call('HGET', key(ARGV[4], id), ARGV[5])
local u = record and redis.call('GET', key('u', id))
if not u then return false end
return {id, record, u}
