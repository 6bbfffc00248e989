-- Asks the user that an index entry leads to, on a cluster, whether it has what the
-- entry says. If not, the claim behind it may be revoked: the write that would fulfil
-- it will be refused. ARGV: 3 ID, 4 kind, 5 what, 6 nonce, 7 life of the mark or "".
if holds(ARGV[4], ARGV[3], ARGV[5]) then return 1 end
if ARGV[7] ~= '' then redis.call('SET', key('x', ARGV[3]) .. ':' .. ARGV[6], '', 'PX', ARGV[7]) end
return 0
