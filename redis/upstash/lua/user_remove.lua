-- Removes a user who owns nothing, if everything is as it was read, and keeps it for a
-- while. KEYS: 1 user, 2 where it is kept, 3 the user's last account, 4 its last session,
-- 5 its list of authenticators, 6 the user with the same address who stays, then what 3
-- to 5 lead to. ARGV: 1 the user that was read, 2 ID, 3 to 5 what was read there or "", 6
-- the address of the user who stays, "" if there is none, 7 how long the removed user is
-- kept, in ms.
if fetch(KEYS[1]) ~= ARGV[1] then return 0 end
for i = 3, 5 do
	if (fetch(KEYS[i]) or '') ~= ARGV[i] then return 0 end
end
for i = 7, #KEYS do
	local v = fetch(KEYS[i])
	local id = v and owner(v)
	if v and (not id or id == ARGV[2]) then return 0 end
end
if ARGV[6] ~= '' then
	local r = decode(fetch(KEYS[6]) or '')
	if not r or r.email ~= ARGV[6] then return 0 end
end
redis.call('DEL', KEYS[1])
for i = 3, 5 do delete_string(KEYS[i]) end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[7])
return 1
