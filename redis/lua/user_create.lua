-- ARGV: 3 ID, 4 deadline, 5 nonce, 6 user, 7 account's field or "", 8 account, 9 claims.
local id = ARGV[3]
local why, kind = grant(id, 9, ARGV[4])
if why then return {why, kind} end
if redis.call('SETNX', KEYS[1], ARGV[6]) == 0 then
	if fetch(KEYS[1]).x == ARGV[5] then return {'OK'} end
	drop(9, #ARGV)
	return {'ID'}
end
if ARGV[7] ~= '' then redis.call('HSET', key('a', id), ARGV[7], ARGV[8]) end
return {'OK'}
