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

-- entry_id returns the ID in an index entry, which may be written as JSON.
local function entry_id(key)
	local v = fetch(key)
	if not v or string.sub(v, 1, 1) ~= '"' then return v end
	local ok, r = pcall(cjson.decode, '[' .. v .. ']')
	return ok and r[1] or v
end

-- decode returns the JSON object in a value; false if it is not one. Half of a surrogate pair,
-- which JavaScript leaves where it cuts a text, is U+FFFD to Go and an error to cjson.
local function decode(v)
	local ok, r = pcall(cjson.decode, v)
	if not ok then
		v = string.gsub(string.gsub(v, '\\\\', '\\u005c'), '\\u[dD][89a-fA-F]%x%x', '\\ufffd')
		ok, r = pcall(cjson.decode, v)
	end
	return ok and type(r) == 'table' and r
end

-- text returns a member as JavaScript has it in a key; false if it is not text, or a number
-- that Lua writes differently.
local function text(m)
	if type(m) == 'boolean' then return tostring(m) end
	if type(m) == 'number' then return m == math.floor(m) and math.abs(m) < 2^53 and string.format('%.0f', m) end
	return type(m) == 'string' and m
end

-- longest_prefix returns the length of the longest of some prefixes of a key, or -1.
local function longest_prefix(key, prefixes)
	local n = -1
	for _, p in ipairs(prefixes) do
		if #p > n and string.sub(key, 1, #p) == p then n = #p end
	end
	return n
end

-- absent reports whether a member is missing, or cannot be a name.
local function absent(m) return m == nil or m == cjson.null or m == '' or type(m) == 'table' end

-- taken reports whether an index entry leads to a user who has the address, other than the one
-- with an ID. A user that cannot be read counts as having it, and so does another program's
-- value.
local function taken(index, email, users, id)
	local other = entry_id(index)
	if not other then return redis.call('EXISTS', index) == 1 end
	if other == id then return false end
	local u = fetch(users .. other)
	if not u then return false end
	local r = decode(u)
	return not r or r.email == email
end

-- owner returns the ID of the user that a record belongs to; false if Lua cannot tell.
local function owner(v)
	local r = decode(v)
	return r and text(r.userId)
end

-- has_user reports whether a record belongs to a user who exists. A record that cannot be read
-- counts as such, and so does another program's value; a record that names no user does not.
local function has_user(key, users)
	local v = fetch(key)
	if not v then return redis.call('EXISTS', key) == 1 end
	local r = decode(v)
	if not r then return true end
	if absent(r.userId) then return absent(r.provider) and absent(r.sessionToken) and absent(r.credentialID) end
	local id = text(r.userId)
	return not id or redis.call('EXISTS', users .. id) == 1
end

-- expired reports whether a session has expired at a time. Both are in the form of JavaScript.
local function expired(key, at)
	local v = fetch(key)
	local r = v and decode(v)
	local e = r and r.expires
	return at ~= '' and type(e) == 'string' and string.match(e, '^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$') and e <= at
end

-- is_credential reports whether a record is the authenticator with an ID.
local function is_credential(v, id)
	local r = decode(v)
	return r and r.credentialID == id
end

-- free_key returns the first free one of the keys from KEYS[first] on, which are two for some
-- authenticators; nil if the record is taken. id is the credential ID. at is the time for a
-- session, which may take the token of an expired one, else ''.
local function free_key(first, users, id, at)
	local free
	for i = first, #KEYS do
		if not has_user(KEYS[i], users) or expired(KEYS[i], at) then
			free = free or KEYS[i]
		elseif #KEYS == first or is_credential(fetch(KEYS[i]) or '', id) then
			return nil
		end
	end
	return free
end

local function put(key, value, expiry)
	if expiry ~= '' then redis.call('SET', key, value, 'PXAT', expiry) else redis.call('SET', key, value) end
end

-- set_pointer sets a key that leads to a record, unless another program has another type
-- there.
local function set_pointer(key, value)
	if fetch(key) or redis.call('EXISTS', key) == 0 then redis.call('SET', key, value) end
end

-- add_to_user makes the record at a key the user's last one of its kind; or adds a credential
-- ID, in JSON, to the user's list of authenticators.
local function add_to_user(list, key, id)
	if id == '' then return set_pointer(list, key) end
	-- The other IDs stay as they are written: cjson would change some.
	local old = fetch(list) or '[]'
	local others = decode(old) and string.match(old, '^%s*%[(.*)%]%s*$')
	if others then set_pointer(list, '[' .. others .. (string.find(others, '%S') and ',' or '') .. id .. ']') end
end

-- delete_string deletes a string, and leaves a value of another type.
local function delete_string(key)
	if fetch(key) then redis.call('DEL', key) end
end
