--!df flags=allow-undeclared-keys
-- Deletes a session, and its entry in the user's list. KEYS: 1 reply, 2 session. ARGV: 1 token,
-- 2 prefix of lists, 3 the time, 4 the user who has to have it, or "".
if replayed() then return 1 end
start_deletion()
local v = fetch(KEYS[2])
if not v then return 1 end
local s = session(v)
if not s and decode(v) then return 1 end -- another program's
local user = s and text(s.userId)
if ARGV[4] ~= '' and user ~= ARGV[4] then return 1 end
redis.call('DEL', KEYS[2])
if user then set_entry(ARGV[2] .. user, ARGV[1], 0, ARGV[3]) end
return keep_reply(1)
