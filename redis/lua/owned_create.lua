-- Gives a user an account or an authenticator. ARGV: 3 ID, 4 deadline, 5 hash,
-- 6 field, 7 record, 8 nonce, 9 claim.
local id = ARGV[3]
if redis.call('EXISTS', KEYS[1]) == 0 then return {'ABSENT'} end
local h = key(ARGV[5], id)
local old = redis.call('HGET', h, ARGV[6])
if old then
	if cmsgpack.unpack(old).x == ARGV[8] then return 'OK' end
	return {'HELD', ARGV[9]}
end
local why, kind = grant(id, 9, ARGV[4])
if why then return {why, kind} end
redis.call('HSET', h, ARGV[6], ARGV[7])
return 'OK'
