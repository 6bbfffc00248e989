-- Checks whether the user that an index entry leads to has what the entry says, on a
-- Cluster. If not, it can revoke the claim behind the entry: the write that would fulfil
-- it will be refused. KEYS: revoked claims, and what holds() reads. ARGV: 3 ID, 4 kind, 5
-- value, 6 nonce, 7 life of a revocation or "", 8 the adapter's time.
if holds(ARGV[4], ARGV[3], ARGV[5], ARGV[8]) then return 1 end
if ARGV[7] ~= '' then
	local at = now()
	redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at - ARGV[7])
	redis.call('ZADD', KEYS[1], at, ARGV[6])
end
return 0
