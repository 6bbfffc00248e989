--!df flags=allow-undeclared-keys
-- Changes a session. KEYS: user, session and list, or on a single server the index entry
-- of a token made elsewhere; reply. ARGV: 3 ID or "", 4 stored token, 5 the adapter's
-- time, 6 changes, 7 life if the expiry changes, else "".
local id = resolve(ARGV[3])
local k = id and key('s', id) .. ':' .. ARGV[4]
local s, current, stored
if k then s, current, stored = fetch(k) end
if not s or redis.call('GETRANGE', key('u', id), 0, NONCE - 1) ~= current then
	return replayed_update() or keep_reply('ABSENT')
end
local expires = tonumber(s.t)
patch(s, ARGV[6])
local packed = cmsgpack.pack(s)
local reply = replayed_update(packed, stored)
if reply == 'SAME' then return {'OK', id, stored} end
if reply then return reply end
if expires <= tonumber(ARGV[5]) then return keep_reply('ABSENT') end
if ARGV[7] == '' then
	redis.call('SET', k, current .. packed, 'KEEPTTL')
else
	redis.call('SET', k, current .. packed, 'PX', ARGV[7])
	redis.call('ZADD', key('l', id), s.t, ARGV[4])
	if single and s.f and redis.call('GET', KEYS[1]) == s.x .. id then redis.call('PEXPIRE', KEYS[1], ARGV[7]) end
end
return {'OK', id, packed}
