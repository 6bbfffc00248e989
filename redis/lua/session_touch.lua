-- Reads the index entry of a session that was made elsewhere, on a cluster, and lets
-- it live at least as long as the session will. ARGV: 3 expiry or "".
local entry = redis.call('GET', KEYS[1])
if entry and ARGV[3] ~= '' and now() + redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
	redis.call('PEXPIREAT', KEYS[1], ARGV[3])
end
return entry
