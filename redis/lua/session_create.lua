--!df flags=allow-undeclared-keys
-- Stores a session. KEYS: user, session, list, for a token made elsewhere its index entry
-- or on a Cluster revoked claims, reply. ARGV: 3 ID, 4 deadline, 5 stored token, 6
-- session, 7 nonce, 8 expiry, 9 life, 10 the adapter's time, 11 claims. Returns "OK", or
-- the reason and the kind of the claim.
local reply = replayed()
if reply then return reply end
local id, current = ARGV[3], redis.call('GETRANGE', KEYS[1], 0, NONCE - 1)
if current == '' then return keep_reply('ABSENT') end
local function write()
	if not redis.call('SET', KEYS[2], current .. ARGV[6], 'NX', 'PX', ARGV[9]) then return end
	redis.call('ZADD', KEYS[3], ARGV[8], ARGV[5])
	if string.byte(ARGV[7]) % 16 == 0 then -- now and then, remove expired sessions from the list
		local gone = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[10] - HOUR, 'LIMIT', 0, 100)
		if #gone > 0 then redis.call('ZREM', KEYS[3], (unpack or table.unpack)(gone)) end
	end
	return 'OK'
end
if #ARGV == 10 and write() then return 'OK' end
-- common.lua
local why = grant(11, ARGV[4])
if why then return keep_reply(why) end
if write() or fetch(KEYS[2]).x == ARGV[7] then return 'OK' end
if not live(id, ARGV[5], ARGV[10]) then
	redis.call('DEL', KEYS[2])
	return write()
end
release_claims(11, #ARGV)
return keep_reply('HELD t')
