--!df flags=allow-undeclared-keys
-- Stores a user, and the record that it signs up with. KEYS: 1 reply, 2 user, 3 mark of
-- its deletion, then the index entry of the address if there is one, then, with a record,
-- the user's last account or its list of authenticators, and the keys that the record can
-- have. ARGV: 1 user, 2 address or "", 3 prefix of users, 4 ID; then of the record: 5
-- value, 6 credential ID or "", 7 the same in JSON or "".
if replayed() then return 'OK' end
if redis.call('EXISTS', KEYS[3]) == 1 then return 'DELETED' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'ID' end
if ARGV[2] ~= '' and taken(KEYS[4], ARGV[2], ARGV[3]) then return 'EMAIL' end
local list, key = ARGV[2] == '' and 4 or 5, nil
if #KEYS > list then
	key = free_key(list + 1, ARGV[3], ARGV[6], '')
	if not key then return 'HELD' end
end
redis.call('SET', KEYS[2], ARGV[1])
if ARGV[2] ~= '' then redis.call('SET', KEYS[4], ARGV[4]) end
if key then
	redis.call('SET', key, ARGV[5])
	add_to_user(KEYS[list], key, ARGV[7])
end
return keep_reply('OK')
