--!df flags=allow-undeclared-keys
-- Reads a session and its user by the index entry KEYS[1], on a single server. ARGV: 3
-- stored token.
local id = resolve('')
local s = id and redis.call('GET', key('s', id) .. ':' .. ARGV[3])
local u = s and redis.call('GET', key('u', id))
if not u then return false end
return {id, s, u}
