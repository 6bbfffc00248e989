-- Asks the user that an index entry leads to, on a cluster, whether it has what the
-- entry says. If not, the claim behind it may be revoked: the write that would fulfil
-- it will be refused. KEYS: the marks, and what holds looks at. ARGV: 3 ID, 4 kind, 5
-- what, 6 nonce, 7 life of the mark or "", 8 the adapter's time.
if holds(ARGV[4], ARGV[3], ARGV[5], ARGV[8]) then return 1 end
if ARGV[7] ~= '' then
	local at = now()
	redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at - ARGV[7])
	redis.call('ZADD', KEYS[1], at, ARGV[6])
end
return 0
