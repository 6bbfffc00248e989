--!df flags=allow-undeclared-keys
-- Deletes a user, after which nothing that belongs to it can be reached, and marks that
-- its records are still to be deleted. KEYS: 1 reply, 2 mark, then what is deleted: 3
-- user, its last account, its last session, its list of authenticators, where Repair
-- keeps it. ARGV: 1 ID, 2 prefix of the index of addresses.
if replayed() then return 1 end
start_deletion()
local u = fetch(KEYS[3])
local r = u and decode(u)
if r and type(r.email) == 'string' then
	local index = ARGV[2] .. r.email
	if entry_id(index) == ARGV[1] then redis.call('DEL', index) end
end
for i = 3, #KEYS do delete_string(KEYS[i]) end
redis.call('SET', KEYS[2], '')
return keep_reply(1)
