-- Takes an account or an authenticator away. ARGV: 3 ID or "", 4 hash, 5 field, 6 kind
-- of the index. Returns the index entry to release.
local id = resolve(ARGV[3])
local h = id and key(ARGV[4], id)
local record = h and redis.call('HGET', h, ARGV[5])
if not record then return {} end
redis.call('HDEL', h, ARGV[5])
return release({key(ARGV[6], ARGV[5]), cmsgpack.unpack(record).x .. id})
