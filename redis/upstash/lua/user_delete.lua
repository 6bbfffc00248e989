-- Removes a user, after which nothing that belongs to it can be reached, and marks that
-- what belongs to it is still to be removed. KEYS: 1 user, 2 mark, 3 the user's last
-- account, 4 its last session, 5 list of its authenticators, 6 where it is kept if Repair
-- removed it. ARGV: 1 ID, 2 what the index of addresses begins with.
redis.call('SET', KEYS[2], '')
local u = redis.call('GET', KEYS[1])
local r = u and decode(u)
if r and type(r.email) == 'string' then
	local index = ARGV[2] .. r.email
	if redis.call('GET', index) == ARGV[1] then redis.call('DEL', index) end
end
redis.call('DEL', KEYS[1], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
return 1
