--!df flags=allow-undeclared-keys
-- Moves an authenticator's counter on. KEYS: on a single server the index entry, else the
-- hash; answer. ARGV: 3 ID or "", 4 kind of the hash, 5 field, 6 counter.
local again = answered()
if again and again ~= 'OK' then return again end
local id = resolve(ARGV[3])
local h = id and key(ARGV[4], id)
local record = h and redis.call('HGET', h, ARGV[5])
if not record then return again and 'GONE' or answer('ABSENT') end
record = cmsgpack.unpack(record)
local stored, counter = tonumber(record.n or '0'), tonumber(ARGV[6])
if not again and counter <= stored and (counter ~= 0 or stored ~= 0) then return answer('BEHIND') end
record.n = ARGV[6]
record = cmsgpack.pack(record)
if not again then -- else it may have moved on since
	redis.call('HSET', h, ARGV[5], record)
end
return {'OK', id, record}
