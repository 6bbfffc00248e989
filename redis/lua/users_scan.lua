-- Looks for users among a piece of a server's keys. KEYS: one that leads to the server.
-- ARGV: 3 where SCAN goes on, 4 pattern of users' keys, 5 size of the piece. It answers with
-- the server's run ID, on a cluster what it knows of the nodes, where SCAN goes on then, and
-- the keys.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local found = redis.call('SCAN', ARGV[3], 'MATCH', ARGV[4], 'COUNT', ARGV[5], 'TYPE', 'string')
return {run or '', single and '' or redis.call('CLUSTER', 'NODES'), found[1], found[2]}
