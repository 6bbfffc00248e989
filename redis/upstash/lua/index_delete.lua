--!df flags=allow-undeclared-keys
-- Removes an entry of the index of addresses, unless it leads to a user who has the
-- address. KEYS: 1 entry. ARGV: 1 what was found there, 2 address, 3 what the keys of users
-- begin with.
if lead(KEYS[1]) ~= ARGV[1] or taken(KEYS[1], ARGV[2], ARGV[3]) then return 0 end
return redis.call('DEL', KEYS[1])
