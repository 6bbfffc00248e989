--!df flags=allow-undeclared-keys
-- Deletes the sessions in a user's list but those to keep. If none is to be kept it stores the
-- time, before which no session of the user counts. KEYS: 1 reply, 2 list, 3 that time. ARGV: 1
-- prefix of tokens, 2 user, 3 the time, 4 until when it is kept at least, then the tokens to keep.
if replayed() then return 1 end
start_deletion()
local keep, kept, last = {}, {}, tonumber(ARGV[4])
for i = 5, #ARGV do keep[ARGV[i]] = true end

for _, e in ipairs(entries(KEYS[2])) do
	last = math.max(last, e.expiresAt)
	if keep[e.token] then
		kept[#kept + 1] = e
	else
		local v = fetch(ARGV[1] .. e.token)
		local s = session(v)
		if s and text(s.userId) == ARGV[2] or v and not decode(v) then redis.call('DEL', ARGV[1] .. e.token) end
	end
end
put_entries(KEYS[2], kept, ARGV[3])
if #ARGV == 4 then
	local before = tonumber(fetch(KEYS[3]) or '0') or 0
	redis.call('SET', KEYS[3], string.format('%.0f', math.max(before, tonumber(ARGV[3]))), 'PXAT', string.format('%.0f', last))
end
return keep_reply(1)
