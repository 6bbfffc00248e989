-- ARGV: 3 ID or "", 4 stored token, 5 the adapter's time, 6 changes.
local id = resolve(ARGV[3])
local k = id and key('s', id) .. ':' .. ARGV[4]
local s = k and fetch(k)
if not s or redis.call('EXISTS', key('u', id)) == 0 then return {'ABSENT'} end
if tonumber(s.t) <= tonumber(ARGV[5]) then return {'EXPIRED'} end
patch(s, ARGV[6])
local packed = cmsgpack.pack(s)
redis.call('SET', k, packed, 'PXAT', s.t)
listed(key('l', id), (s.f and 'f' .. s.x or 'g') .. ARGV[4], s.t, s.t - ARGV[5])
if single and s.f then
	local index = key('t', escape(ARGV[4]))
	if redis.call('GET', index) == s.x .. id then redis.call('PEXPIREAT', index, s.t) end
end
return {'OK', id, packed}
