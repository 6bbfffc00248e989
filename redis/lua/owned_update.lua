--!df flags=allow-undeclared-keys
-- Changes an account. KEYS: on a single server the index entry, else the hash; answer.
-- ARGV: 3 ID or "", 4 kind of the hash, 5 field, 6 changes.
local again = answered()
if again and again ~= 'OK' then return again end
local id = resolve(ARGV[3])
local h = id and key(ARGV[4], id)
local record = h and redis.call('HGET', h, ARGV[5])
if not record then return again and 'GONE' or answer('ABSENT') end
record = cmsgpack.unpack(record)
patch(record, ARGV[6])
record = cmsgpack.pack(record)
if not again then -- else it is as it was changed, which others may have undone since
	redis.call('HSET', h, ARGV[5], record)
end
return {'OK', id, record}
