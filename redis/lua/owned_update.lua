--!df flags=allow-undeclared-keys
-- Changes an account or an authenticator. KEYS: on a single server the index entry, else
-- the hash; reply. ARGV: 3 ID or "", 4 kind of the hash, 5 field, 6 changes.
local id = resolve(ARGV[3])
local h = id and key(ARGV[4], id)
local stored = h and redis.call('HGET', h, ARGV[5])
if not stored then return replayed_update() or keep_reply('ABSENT') end
local record = cmsgpack.unpack(stored)
patch(record, ARGV[6])
record = cmsgpack.pack(record)
local reply = replayed_update(record, stored)
if reply == 'SAME' then return {'OK', id, stored} end
if reply then return reply end
redis.call('HSET', h, ARGV[5], record)
return {'OK', id, record}
