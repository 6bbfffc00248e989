-- What every script begins with.

-- The reply of a write that was applied is kept at KEYS[1] for a minute, so that the
-- client's own repetition of it, after a lost reply, is answered as the first one was.
local function said() return redis.call('EXISTS', KEYS[1]) == 1 end

local function say(reply)
	redis.call('SET', KEYS[1], '', 'PX', 60000)
	return reply
end

-- decode returns the JSON object in a value. false is a value that is none.
local function decode(v)
	local ok, r = pcall(cjson.decode, v)
	return ok and type(r) == 'table' and r
end

-- taken reports whether the index of an address leads to a user who has it, and is not
-- the one with an ID. A user that cannot be read has it.
local function taken(index, email, users, id)
	local other = redis.call('GET', index)
	if not other or other == id then return false end
	local u = redis.call('GET', users .. other)
	if not u then return false end
	local r = decode(u)
	return not r or r.email == email
end

-- owner returns the ID of the user that a record belongs to. false is a record that
-- cannot be read.
local function owner(v)
	local r = decode(v)
	return r and type(r.userId) == 'string' and r.userId
end

-- owned reports whether a record belongs to a user who is there. A record that cannot
-- be read does.
local function owned(key, users)
	local v = redis.call('GET', key)
	if not v then return false end
	local id = owner(v)
	return not id or redis.call('EXISTS', users .. id) == 1
end

-- names reports whether a record is that of a credential ID.
local function names(v, id)
	local r = decode(v)
	return r and r.credentialID == id
end

local function put(key, value, expiry)
	if expiry ~= '' then redis.call('SET', key, value, 'PXAT', expiry) else redis.call('SET', key, value) end
end
