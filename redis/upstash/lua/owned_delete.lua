-- Removes a record, and what leads to it. KEYS: the keys that it can have. ARGV: 1 the
-- member that names it, 2 its value there, 3 what the key of the user's last record of the
-- kind, or its list of authenticators, begins with, 4 "1" for the list.
for _, key in ipairs(KEYS) do
	local v = redis.call('GET', key)
	local r = v and decode(v)
	if r and r[ARGV[1]] == ARGV[2] then
		redis.call('DEL', key)
		local pointer = ARGV[3] .. tostring(r.userId)
		local to = redis.call('GET', pointer)
		if to and ARGV[4] == '1' then
			local left = {}
			for _, id in ipairs(decode(to) or {}) do
				if id ~= ARGV[2] then left[#left + 1] = id end
			end
			if #left > 0 then redis.call('SET', pointer, cjson.encode(left)) else redis.call('DEL', pointer) end
		elseif to == key then
			redis.call('DEL', pointer)
		end
	end
end
return 1
