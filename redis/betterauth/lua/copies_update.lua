-- Replaces sessions that are as they were read, for as long as they live. KEYS: 1 reply, then
-- the sessions. ARGV: for each the value that was read, and the new one. Returns how many have
-- changed meanwhile.
if replayed() then return 0 end
local changed = 0
for i = 2, #KEYS do
	local v = fetch(KEYS[i])
	if v == ARGV[2 * i - 3] then
		redis.call('SET', KEYS[i], ARGV[2 * i - 2], 'KEEPTTL')
	elseif v then
		changed = changed + 1
	end
end
return keep_reply(changed)
