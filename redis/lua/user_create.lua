--!df flags=allow-undeclared-keys
-- Stores a user. KEYS: user, its accounts or its authenticators if it signs up with one,
-- index entries or on a Cluster revoked claims, reply. ARGV: 3 ID, 4 deadline, 5 nonce, 6
-- user, 7 field of the record that it signs up with or "", 8 that record, 9 claims.
-- Returns "OK", or the reason and the kind of the claim.
local function give()
	if ARGV[7] ~= '' then redis.call('HSET', KEYS[2], ARGV[7], ARGV[8]) end
	return 'OK'
end
if single then -- nearly always all values are free
	local new = {KEYS[1], ARGV[6], KEYS[#KEYS], 'OK'}
	for i = 9, #ARGV, 6 do
		new[#new + 1] = ARGV[i + 1]
		new[#new + 1] = ARGV[i + 3]
	end
	if redis.call('MSETNX', (unpack or table.unpack)(new)) == 1 then
		redis.call('PEXPIRE', KEYS[#KEYS], 60000)
		return give()
	end
end
-- common.lua
local reply = replayed()
if reply then return reply end
local why = grant(9, ARGV[4])
if why then return keep_reply(why) end
if redis.call('SETNX', KEYS[1], ARGV[6]) == 1 then return give() end
if redis.call('GETRANGE', KEYS[1], 0, NONCE - 1) == ARGV[5] then return 'OK' end
release_claims(9, #ARGV)
return keep_reply('ID')
