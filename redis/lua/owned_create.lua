--!df flags=allow-undeclared-keys
-- Gives a user an account or an authenticator. KEYS: user, hash, index entry or on a
-- cluster marks, answer. ARGV: 3 ID, 4 deadline, 5 field, 6 record, 7 nonce, 8 claim.
local again = answered()
if again then return again end
if redis.call('EXISTS', KEYS[1]) == 0 then return answer('ABSENT') end
local old = redis.call('HGET', KEYS[2], ARGV[5])
if old then
	if cmsgpack.unpack(old).x == ARGV[7] then return 'OK' end
	return answer('HELD ' .. ARGV[8])
end
local why = grant(8, ARGV[4])
if why then return answer(why) end
redis.call('HSET', KEYS[2], ARGV[5], ARGV[6])
return 'OK'
