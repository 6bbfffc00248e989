-- Removes a record, and what leads to it. KEYS: 1 record. ARGV: 1 the field that names
-- it, 2 its value there, 3 what the key of the user's last record of the kind, or its
-- list of authenticators, begins with, 4 "1" for the list.
local v = redis.call('GET', KEYS[1])
local r = v and decode(v)
if not r or r[ARGV[1]] ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
local pointer = ARGV[3] .. tostring(r.userId)
local to = redis.call('GET', pointer)
if to and ARGV[4] == '1' then
	local left = {}
	for _, id in ipairs(decode(to) or {}) do
		if id ~= ARGV[2] then left[#left + 1] = id end
	end
	if #left > 0 then redis.call('SET', pointer, cjson.encode(left)) else redis.call('DEL', pointer) end
elseif to == KEYS[1] then
	redis.call('DEL', pointer)
end
return 1
