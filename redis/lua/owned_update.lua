-- Changes an account. ARGV: 3 ID or "", 4 hash, 5 field, 6 changes.
local id = resolve(ARGV[3])
local h = id and key(ARGV[4], id)
local record = h and redis.call('HGET', h, ARGV[5])
if not record then return false end
record = cmsgpack.unpack(record)
patch(record, ARGV[6])
record = cmsgpack.pack(record)
redis.call('HSET', h, ARGV[5], record)
return {id, record}
