--!df flags=allow-undeclared-keys
-- Reads the user that an index entry leads to. KEYS: 1 entry. ARGV: 1 prefix of users.
local id = entry_id(KEYS[1])
return id and fetch(ARGV[1] .. id)
