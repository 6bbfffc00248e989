--!df flags=allow-undeclared-keys
-- Changes a user. KEYS: user, the index entry of a new address or on a Cluster revoked
-- claims, reply. ARGV: 3 ID, 4 deadline, 5 changes, 6 "1" if the address must be the
-- user's own already, 7 claims. Returns the record and the index entries to release, or
-- the reason and the kind of the claim.
local id, claimed = ARGV[3], #ARGV > 6
local u, current, stored = fetch(KEYS[1])
if not u then return replayed_update() or keep_reply('ABSENT') end
local before, nonce = u.e, u.x or current
patch(u, ARGV[5])
local moves = u.e ~= before or claimed and not single
if moves and claimed then u.x = string.sub(ARGV[10], 1, NONCE) end
local packed = cmsgpack.pack(u)
local reply = replayed_update(packed, stored)
if reply == 'SAME' then return {'OK', stored} end
if reply then return reply end
if u.e == before and ARGV[6] == '0' and not claimed then
	redis.call('SET', KEYS[1], current .. packed)
	return {'OK', packed}
end
-- common.lua
if ARGV[6] == '1' and u.e ~= before then return keep_reply('REVOKED e') end
if moves then
	local why = grant(7, ARGV[4])
	if why then return keep_reply(why) end
end
redis.call('SET', KEYS[1], current .. packed)
local old = {}
if before and u.e ~= before then old = {key('e', escape(before)), nonce .. id} end
return {'OK', packed, release(old)}
