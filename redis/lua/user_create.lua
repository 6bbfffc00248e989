-- ARGV: 3 ID, 4 deadline, 5 nonce, 6 user, 7 account's field or "", 8 account, 9 claims.
-- It answers "OK", or why not and of which kind.
local id = ARGV[3]
local function account()
	if ARGV[7] ~= '' then redis.call('HSET', P .. 'a:{' .. id .. '}', ARGV[7], ARGV[8]) end
	return 'OK'
end
if single then -- nearly always all of it is free
	local new = {KEYS[1], ARGV[6]}
	for i = 9, #ARGV, 5 do
		new[#new + 1] = ARGV[i + 1]
		new[#new + 1] = ARGV[i + 3]
	end
	if redis.call('MSETNX', unpack(new)) == 1 then return account() end
end
-- common.lua
local why, kind = grant(id, 9, ARGV[4])
if why then return {why, kind} end
if redis.call('SETNX', KEYS[1], ARGV[6]) == 0 then
	if fetch(KEYS[1]).x == ARGV[5] then return 'OK' end
	drop(9, #ARGV)
	return {'ID'}
end
return account()
