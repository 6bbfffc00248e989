--!df flags=allow-undeclared-keys
-- Reads an account or an authenticator, and its user. KEYS: on a single server the index
-- entry, else user and hash. ARGV: 3 ID or "", 4 kind of the hash, 5 field.
local id = resolve(ARGV[3])
if not id then return false end
local record = redis.call('HGET', key(ARGV[4], id), ARGV[5])
local u = record and redis.call('GET', key('u', id))
if not u then return false end
return {id, record, u}
