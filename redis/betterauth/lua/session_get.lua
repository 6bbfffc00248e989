--!df flags=allow-undeclared-keys
-- Returns the value of a session, and when all sessions of its user were ended. KEYS: 1
-- session. ARGV: 1 prefix of those times.
local v = fetch(KEYS[1])
if not v then return false end
local s = session(v)
local user = s and text(s.userId)
return {v, user and fetch(ARGV[1] .. user) or ''}
