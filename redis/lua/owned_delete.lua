--!df flags=allow-undeclared-keys
-- Deletes an account or an authenticator. KEYS: on a single server the index entry, else
-- the hash; reply. ARGV: 3 ID or "", 4 kind of the hash, 5 field, 6 kind of the index
-- entry. Returns the index entry to release.
local nonce, id = replayed(), resolve(ARGV[3])
if not nonce then
	local h = id and key(ARGV[4], id)
	local record = h and redis.call('HGET', h, ARGV[5])
	if record then redis.call('HDEL', h, ARGV[5]) end
	nonce = record and cmsgpack.unpack(record).x or 'ABSENT'
	if not single then keep_reply(nonce) end
end
if not id or #nonce < NONCE then return {} end
return release({key(ARGV[6], ARGV[5]), nonce .. id})
