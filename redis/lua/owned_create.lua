--!df flags=allow-undeclared-keys
-- Stores an account or an authenticator for a user. KEYS: user, hash, index entry or on a
-- Cluster revoked claims, reply. ARGV: 3 ID, 4 deadline, 5 field, 6 record, 7 nonce, 8
-- claim.
local reply = replayed()
if reply then return reply end
if redis.call('EXISTS', KEYS[1]) == 0 then return keep_reply('ABSENT') end
local old = redis.call('HGET', KEYS[2], ARGV[5])
if old then
	if cmsgpack.unpack(old).x == ARGV[7] then return 'OK' end
	return keep_reply('HELD ' .. ARGV[8])
end
local why = grant(8, ARGV[4])
if why then return keep_reply(why) end
redis.call('HSET', KEYS[2], ARGV[5], ARGV[6])
return 'OK'
