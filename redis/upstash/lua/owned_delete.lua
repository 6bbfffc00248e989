--!df flags=allow-undeclared-keys
-- Deletes a record, and what leads to it. KEYS: 1 reply, then the keys that the record
-- can have. ARGV: 1 the member that names the record, "" for any JSON object, 2 its value
-- there, 3 the prefix of the user's last record of the kind, or of its list of
-- authenticators, 4 "1" for the list. Returns what Lua cannot read, keys and values,
-- which stays.
if replayed() then return {} end
start_deletion()

-- without returns a list of texts without one of them; nil if that is not in it, or if the
-- list has something else in it.
local function without(list, id)
	local left, found = {}, false
	for _, e in ipairs(list) do
		if type(e) ~= 'string' then return nil end
		if e == id then found = true else left[#left + 1] = e end
	end
	return found and left
end

local unread = {}
for i = 2, #KEYS do
	local v = fetch(KEYS[i])
	local r = v and decode(v)
	local is = r and text(r[ARGV[1]]) == ARGV[2]
	if ARGV[1] == '' then is = v and string.find(v, '^%s*{') end
	if is then
		redis.call('DEL', KEYS[i])
		local user = r and text(r.userId)
		local to = user and fetch(ARGV[3] .. user)
		local left = to and ARGV[4] == '1' and without(decode(to) or {}, ARGV[2])
		if left and #left > 0 then
			redis.call('SET', ARGV[3] .. user, cjson.encode(left))
		elseif left or to == KEYS[i] then
			redis.call('DEL', ARGV[3] .. user)
		end
	elseif v and not r then
		unread[#unread + 1] = KEYS[i]
		unread[#unread + 1] = v
	end
end
return #unread > 0 and unread or keep_reply(unread)
