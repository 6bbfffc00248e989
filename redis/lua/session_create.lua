-- KEYS[1] is the user. ARGV: 3 ID, 4 deadline, 5 stored token, 6 session, 7 nonce, 8
-- expiry, 9 lifetime, 10 member, 11 claims. It answers "OK", or why not and of which kind.
local id = ARGV[3]
if redis.call('EXISTS', KEYS[1]) == 0 then return {'ABSENT'} end
local s = P .. 's:{' .. id .. '}:' .. ARGV[5]
local function write()
	if not redis.call('SET', s, ARGV[6], 'NX', 'PXAT', ARGV[8]) then return end
	listed(P .. 'l:{' .. id .. '}', ARGV[10], ARGV[8], ARGV[9], ARGV[7])
	return 'OK'
end
if #ARGV == 10 and write() then return 'OK' end
-- common.lua
local why, kind = grant(id, 11, ARGV[4])
if why then return {why, kind} end
if write() or fetch(s).x == ARGV[7] then return 'OK' end
drop(11, #ARGV)
return {'HELD', 't'}
