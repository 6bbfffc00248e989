-- Scans some of a server's keys for users. KEYS: one that leads to the server. ARGV: 3
-- cursor of SCAN, 4 pattern of users' keys, 5 number of keys. Returns the server's run
-- ID, on a Cluster its view of the nodes, the next cursor of SCAN, and the keys.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local found = redis.call('SCAN', ARGV[3], 'MATCH', ARGV[4], 'COUNT', ARGV[5], 'TYPE', 'string')
return {run or '', single and '' or redis.call('CLUSTER', 'NODES'), found[1], found[2]}
