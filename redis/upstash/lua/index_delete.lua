--!df flags=allow-undeclared-keys
-- Deletes an entry of the index of addresses, unless it leads to a user who has the
-- address. KEYS: 1 entry. ARGV: 1 the ID that was found in it, 2 address, 3 prefix of
-- users.
if entry_id(KEYS[1]) ~= ARGV[1] or taken(KEYS[1], ARGV[2], ARGV[3]) then return 0 end
return redis.call('DEL', KEYS[1])
