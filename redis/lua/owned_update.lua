--!df flags=allow-undeclared-keys
-- Changes an account or an authenticator. KEYS: on a single server the index entry, else the hash; answer.
-- ARGV: 3 ID or "", 4 kind of the hash, 5 field, 6 changes.
local id = resolve(ARGV[3])
local h = id and key(ARGV[4], id)
local stored = h and redis.call('HGET', h, ARGV[5])
if not stored then return updated() or answer('ABSENT') end
local record = cmsgpack.unpack(stored)
patch(record, ARGV[6])
record = cmsgpack.pack(record)
local again = updated(record, stored)
if again == 'SAME' then return {'OK', id, stored} end
if again then return again end
redis.call('HSET', h, ARGV[5], record)
return {'OK', id, record}
