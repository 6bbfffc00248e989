--!df flags=allow-undeclared-keys
-- KEYS: user, the new address's index entry or on a cluster marks, answer. ARGV: 3 ID, 4
-- deadline, 5 changes, 6 "1" where the address must be the user's own already, 7 claims.
-- It answers with the record and the index entries to release, or why not and of which
-- kind.
local again = answered()
if again and again ~= 'OK' then return again end
local id, claimed = ARGV[3], #ARGV > 6
local u, current = fetch(KEYS[1])
if not u then return again and 'GONE' or answer('ABSENT') end
local before, nonce = u.e, u.x or current
patch(u, ARGV[5])
if again then return {'OK', cmsgpack.pack(u)} end -- as it was changed, which others may have undone since
if u.e == before and ARGV[6] == '0' and not claimed then
	u = cmsgpack.pack(u)
	redis.call('SET', KEYS[1], current .. u)
	return {'OK', u}
end
-- common.lua
if ARGV[6] == '1' and u.e ~= before then return answer('REVOKED e') end
if u.e ~= before or claimed and not single then
	local why = grant(7, ARGV[4])
	if why then return answer(why) end
	if claimed then u.x = string.sub(ARGV[10], 1, NONCE) end
end
local packed = cmsgpack.pack(u)
redis.call('SET', KEYS[1], current .. packed)
local old = {}
if before and u.e ~= before then old = {key('e', escape(before)), nonce .. id} end
return {'OK', packed, release(old)}
