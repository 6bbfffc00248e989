-- Functions that the scripts share.

-- replayed reports whether the same write was applied before. That is kept at KEYS[1] for a
-- minute: the client's own repetition after a lost reply gets the first reply, and a first
-- attempt that arrives after the second one does nothing.
local function replayed() return redis.call('EXISTS', KEYS[1]) == 1 end

-- keep_reply keeps that a write was applied.
local function keep_reply(reply)
	redis.call('SET', KEYS[1], '', 'PX', 60000)
	return reply
end

-- start_deletion comes before all writes of a script that deletes: when the server's memory is
-- full, the first write decides whether later ones may need some.
local function start_deletion() redis.call('DEL', KEYS[1]) end

-- fetch returns the string at a key; false for none, or for another type, which is another
-- program's.
local function fetch(key)
	local v = redis.pcall('GET', key)
	if type(v) ~= 'table' then return v end
	if string.find(v.err, 'WRONGTYPE', 1, true) then return false end
	return redis.call('GET', key) -- which raises the error
end

-- decode returns the JSON object or list in a value; false if it is neither. Half of a surrogate
-- pair, which JavaScript leaves where it cuts a text, is an error to cjson.
local function decode(v)
	local ok, r = pcall(cjson.decode, v)
	if not ok then
		v = string.gsub(string.gsub(v, '\\\\', '\\u005c'), '\\u[dD][89a-fA-F]%x%x', '\\ufffd')
		ok, r = pcall(cjson.decode, v)
	end
	return ok and type(r) == 'table' and r
end

-- text returns a member as JavaScript has it in a key; false if it is not text or a whole number.
local function text(m)
	if type(m) == 'number' then return m == math.floor(m) and math.abs(m) < 2^53 and string.format('%.0f', m) end
	return type(m) == 'string' and m
end

-- session returns the session in a value; false if there is none.
local function session(v)
	local r = v and decode(v)
	return r and type(r.session) == 'table' and r.session
end

-- expired reports whether a session has expired at a time. Both are in the form of JavaScript.
local function expired(s, at)
	local e = s.expiresAt
	return type(e) == 'string' and string.match(e, '^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$') and e <= at
end

-- entries returns what is in a user's list of sessions.
local function entries(key)
	local v, found = fetch(key), {}
	for _, e in ipairs(v and decode(v) or {}) do
		if type(e) == 'table' and type(e.token) == 'string' and type(e.expiresAt) == 'number' then found[#found + 1] = e end
	end
	return found
end

-- put_entries stores those entries of a list that have not expired, in their order and for as
-- long as the last one lives.
local function put_entries(key, list, now)
	local live = {}
	for _, e in ipairs(list) do
		if e.expiresAt > tonumber(now) then live[#live + 1] = e end
	end
	if #live == 0 then return redis.call('DEL', key) end
	table.sort(live, function(a, b) return a.expiresAt < b.expiresAt end)
	redis.call('SET', key, cjson.encode(live), 'PXAT', string.format('%.0f', live[#live].expiresAt))
end

-- set_entry puts a session into a user's list, in the place of an entry with the same token. An
-- expiry of 0 takes it out.
local function set_entry(key, token, expiry, now)
	local others = {}
	for _, e in ipairs(entries(key)) do
		if e.token ~= token then others[#others + 1] = e end
	end
	others[#others + 1] = {token = token, expiresAt = tonumber(expiry)}
	put_entries(key, others, now)
end
