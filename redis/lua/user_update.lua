--!df flags=allow-undeclared-keys
-- KEYS: user, the new address's index entry or on a cluster marks, answer. ARGV: 3 ID, 4
-- deadline, 5 changes, 6 "1" where the address must be the user's own already, 7 claims.
-- It answers with the record and the index entries to release, or why not and of which
-- kind.
local id, claimed = ARGV[3], #ARGV > 6
local u, current, stored = fetch(KEYS[1])
if not u then return updated() or answer('ABSENT') end
local before, nonce = u.e, u.x or current
patch(u, ARGV[5])
local moves = u.e ~= before or claimed and not single
if moves and claimed then u.x = string.sub(ARGV[10], 1, NONCE) end
local packed = cmsgpack.pack(u)
local again = updated(packed, stored)
if again == 'SAME' then return {'OK', stored} end
if again then return again end
if u.e == before and ARGV[6] == '0' and not claimed then
	redis.call('SET', KEYS[1], current .. packed)
	return {'OK', packed}
end
-- common.lua
if ARGV[6] == '1' and u.e ~= before then return answer('REVOKED e') end
if moves then
	local why = grant(7, ARGV[4])
	if why then return answer(why) end
end
redis.call('SET', KEYS[1], current .. packed)
local old = {}
if before and u.e ~= before then old = {key('e', escape(before)), nonce .. id} end
return {'OK', packed, release(old)}
