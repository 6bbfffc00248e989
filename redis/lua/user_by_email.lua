--!df flags=allow-undeclared-keys
-- Reads a user by the index entry KEYS[1], on a single server. ARGV: 3 address.
local id = resolve('')
local u = id and redis.call('GET', key('u', id))
if u and cmsgpack.unpack(string.sub(u, NONCE + 1)).e == ARGV[3] then return {id, u} end
return false
