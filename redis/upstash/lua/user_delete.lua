--!df flags=allow-undeclared-keys
-- Removes a user, after which nothing that belongs to it can be reached, and marks that
-- what belongs to it is still to be removed. KEYS: 1 reply, 2 mark, then what is removed:
-- 3 user, the user's last account, its last session, the list of its authenticators, where
-- it is kept if Repair removed it. ARGV: 1 ID, 2 what the index of addresses begins with.
if said() then return 1 end
shrink()
local u = fetch(KEYS[3])
local r = u and decode(u)
if r and type(r.email) == 'string' then
	local index = ARGV[2] .. r.email
	if lead(index) == ARGV[1] then redis.call('DEL', index) end
end
for i = 3, #KEYS do drop(KEYS[i]) end
redis.call('SET', KEYS[2], '')
return say(1)
