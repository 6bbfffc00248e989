--!df flags=allow-undeclared-keys
-- KEYS: user, its accounts if there is one, index entries or on a cluster marks, answer.
-- ARGV: 3 ID, 4 deadline, 5 nonce, 6 user, 7 account's field or "", 8 account, 9 claims.
-- It answers "OK", or why not and of which kind.
local function account()
	if ARGV[7] ~= '' then redis.call('HSET', KEYS[2], ARGV[7], ARGV[8]) end
	return 'OK'
end
if single then -- nearly always all of it is free
	local new = {KEYS[1], ARGV[6], KEYS[#KEYS], 'OK'}
	for i = 9, #ARGV, 6 do
		new[#new + 1] = ARGV[i + 1]
		new[#new + 1] = ARGV[i + 3]
	end
	if redis.call('MSETNX', unpack(new)) == 1 then
		redis.call('PEXPIRE', KEYS[#KEYS], 60000)
		return account()
	end
end
-- common.lua
local again = answered()
if again then return again end
local why = grant(9, ARGV[4])
if why then return answer(why) end
if redis.call('SETNX', KEYS[1], ARGV[6]) == 1 then return account() end
if redis.call('GETRANGE', KEYS[1], 0, NONCE - 1) == ARGV[5] then return 'OK' end
drop(9, #ARGV)
return answer('ID')
