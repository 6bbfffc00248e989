--!df flags=allow-undeclared-keys
-- Deletes a session. KEYS: session and list, or on a single server the index entry of a
-- token made elsewhere; reply. ARGV: 3 ID or "", 4 stored token. Returns "OK" or
-- "ABSENT", and the index entry to release.
local nonce, id = replayed(), resolve(ARGV[3])
if not nonce then
	local k = id and key('s', id) .. ':' .. ARGV[4]
	local s = k and fetch(k)
	if k then
		redis.call('DEL', k)
		redis.call('ZREM', key('l', id), ARGV[4])
	end
	nonce = s and (s.f and s.x or 'OK') or 'ABSENT'
	if nonce ~= 'OK' then keep_reply(nonce) end
end
if not id or #nonce < NONCE then return {nonce} end
return {'OK', release({key('t', escape(ARGV[4])), nonce .. id})}
