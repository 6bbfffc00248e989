-- Stores a verification token. KEYS: the identifier's tokens, reply. ARGV: 3 record, 4
-- token, 5 life, 6 the adapter's time. Each new token checks three others, so that few
-- expired ones are left.
local reply = replayed()
if reply then return reply end
redis.call('HSET', KEYS[1], ARGV[4], ARGV[3])
if redis.call('HLEN', KEYS[1]) > 3 then
	local some = redis.call('HRANDFIELD', KEYS[1], 3, 'WITHVALUES')
	for i = 1, #some, 2 do
		if some[i] ~= ARGV[4] and cmsgpack.unpack(some[i + 1]).t + HOUR < tonumber(ARGV[6]) then
			redis.call('HDEL', KEYS[1], some[i])
		end
	end
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
return 'OK'
