-- Moves an authenticator's counter on. ARGV: 3 ID or "", 4 hash, 5 field, 6 counter,
-- 7 nonce of the call, by which its own retry is known.
local id = resolve(ARGV[3])
local h = id and key(ARGV[4], id)
local record = h and redis.call('HGET', h, ARGV[5])
if not record then return false end
record = cmsgpack.unpack(record)
local stored, counter = tonumber(record.n or '0'), tonumber(ARGV[6])
if record.y ~= ARGV[7] then
	if counter <= stored and (counter ~= 0 or stored ~= 0) then return {id} end
	record.n, record.y = ARGV[6], ARGV[7]
	redis.call('HSET', h, ARGV[5], cmsgpack.pack(record))
end
return {id, cmsgpack.pack(record)}
