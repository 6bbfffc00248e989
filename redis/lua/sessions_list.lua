-- KEYS[1] is the list. ARGV: 3 ID, 4 the adapter's time. Returns stored tokens and sessions.
local id, all = ARGV[3], {}
if redis.call('EXISTS', key('u', id)) == 0 then return all end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[4], '+inf')) do
	local token = stored(member)
	local s = redis.call('GET', key('s', id) .. ':' .. token)
	if s then
		all[#all + 1] = token
		all[#all + 1] = s
	end
end
return all
