--!df flags=allow-undeclared-keys
-- Returns the user that an index entry leads to. KEYS: 1 index. ARGV: 1 what the keys of
-- users begin with.
local id = lead(KEYS[1])
return id and fetch(ARGV[1] .. id)
