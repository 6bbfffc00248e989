-- What every script begins with.

-- The reply of a write that was applied is kept at KEYS[1] for a minute, so that the
-- client's own repetition of it, after a lost reply, is answered as the first one was, and
-- a first attempt that arrives after the second one does nothing.
local function said() return redis.call('EXISTS', KEYS[1]) == 1 end

local function say(reply)
	redis.call('SET', KEYS[1], '', 'PX', 60000)
	return reply
end

-- shrink comes before all writes of a script that takes something away: when the server's
-- memory is full, the first write decides whether those after it may need some.
local function shrink() redis.call('DEL', KEYS[1]) end

-- fetch returns the string at a key. false is nothing there, or another program's value
-- of another type.
local function fetch(key)
	local v = redis.pcall('GET', key)
	if type(v) ~= 'table' then return v end
	if string.find(v.err, 'WRONGTYPE', 1, true) then return false end
	return redis.call('GET', key) -- which fails again
end

-- lead returns the ID that an entry of an index has, which may be written as JSON.
local function lead(key)
	local v = fetch(key)
	if not v or string.sub(v, 1, 1) ~= '"' then return v end
	local ok, r = pcall(cjson.decode, '[' .. v .. ']')
	return ok and r[1] or v
end

-- decode returns the JSON object in a value. false is a value that is none. Half of a
-- surrogate pair, which JavaScript leaves where it cuts a text, is U+FFFD to Go and an
-- error to cjson.
local function decode(v)
	local ok, r = pcall(cjson.decode, v)
	if not ok then
		v = string.gsub(string.gsub(v, '\\\\', '\\u005c'), '\\u[dD][89a-fA-F]%x%x', '\\ufffd')
		ok, r = pcall(cjson.decode, v)
	end
	return ok and type(r) == 'table' and r
end

-- text returns a member as JavaScript has it in a key. false is no text, or a number that
-- Lua writes otherwise.
local function text(m)
	if type(m) == 'boolean' then return tostring(m) end
	if type(m) == 'number' then return m == math.floor(m) and math.abs(m) < 2^53 and string.format('%.0f', m) end
	return type(m) == 'string' and m
end

-- longest returns the length of the longest of some texts that a key begins with, or -1.
local function longest(key, texts)
	local n = -1
	for _, t in ipairs(texts) do
		if #t > n and string.sub(key, 1, #t) == t then n = #t end
	end
	return n
end

-- absent reports whether a member is not there, or nothing that can name something.
local function absent(m) return m == nil or m == cjson.null or m == '' or type(m) == 'table' end

-- taken reports whether the index of an address leads to a user who has it, and is not
-- the one with an ID. A user that cannot be read has it, and so has another program's key.
local function taken(index, email, users, id)
	local other = lead(index)
	if not other then return redis.call('EXISTS', index) == 1 end
	if other == id then return false end
	local u = fetch(users .. other)
	if not u then return false end
	local r = decode(u)
	return not r or r.email == email
end

-- owner returns the ID of the user that a record belongs to. false is a record of which
-- that cannot be told here.
local function owner(v)
	local r = decode(v)
	return r and text(r.userId)
end

-- owned reports whether a record belongs to a user who is there. What cannot be read
-- does, and another program's value; a record that names no user leads nowhere.
local function owned(key, users)
	local v = fetch(key)
	if not v then return redis.call('EXISTS', key) == 1 end
	local r = decode(v)
	if not r then return true end
	if absent(r.userId) then return absent(r.provider) and absent(r.sessionToken) and absent(r.credentialID) end
	local id = text(r.userId)
	return not id or redis.call('EXISTS', users .. id) == 1
end

-- over reports whether a session has expired at a time, both as JavaScript writes dates.
local function over(key, at)
	local v = fetch(key)
	local r = v and decode(v)
	local e = r and r.expires
	return at ~= '' and type(e) == 'string' and string.match(e, '^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$') and e <= at
end

-- names reports whether a record is that of a credential ID.
local function names(v, id)
	local r = decode(v)
	return r and r.credentialID == id
end

-- room returns the first of the keys from KEYS[first] on that a record can have, which are
-- two for some authenticators; nil if one of them has it. id is that of the credential, at
-- the time for a session, which may take the token of one that has expired, else ''.
local function room(first, users, id, at)
	local free
	for i = first, #KEYS do
		if not owned(KEYS[i], users) or over(KEYS[i], at) then
			free = free or KEYS[i]
		elseif #KEYS == first or names(fetch(KEYS[i]) or '', id) then
			return nil
		end
	end
	return free
end

local function put(key, value, expiry)
	if expiry ~= '' then redis.call('SET', key, value, 'PXAT', expiry) else redis.call('SET', key, value) end
end

-- point sets what leads to a record, unless another program has something of another type
-- there.
local function point(key, value)
	if fetch(key) or redis.call('EXISTS', key) == 0 then redis.call('SET', key, value) end
end

-- enter lets the user's last record of the kind be the one at a key; or adds a credential
-- ID, in JSON, to the list of its authenticators.
local function enter(list, key, id)
	if id == '' then return point(list, key) end
	-- The others in the list stay as they are written: cjson would change some.
	local old = fetch(list) or '[]'
	local others = decode(old) and string.match(old, '^%s*%[(.*)%]%s*$')
	if others then point(list, '[' .. others .. (string.find(others, '%S') and ',' or '') .. id .. ']') end
end

-- drop removes a string.
local function drop(key)
	if fetch(key) then redis.call('DEL', key) end
end
