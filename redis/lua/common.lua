-- What every script begins with. ARGV[1] is the prefix of all keys, ARGV[2] is "1"
-- where one server has all of them and "0" where this script may touch only those
-- with the hash tag of KEYS[1].
local P, single = ARGV[1], ARGV[2] == '1'
local NONCE = 11

-- key returns the key of a kind for the thing in the hash tag, which is escaped.
local function key(kind, tag) return P .. kind .. ':{' .. tag .. '}' end

-- escape keeps a hash tag and the parts of a key in one piece, as escape in keys.go.
local function escape(s)
	return (string.gsub(s, '[%%:{}]', function(c) return string.format('%%%02X', string.byte(c)) end))
end

local function fetch(k)
	local v = redis.call('GET', k)
	return v and cmsgpack.unpack(v)
end

local function now()
	local t = redis.call('TIME')
	return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- An index entry is a nonce and a user's escaped ID. It counts only if the record
-- that it leads to says so too.
local function owner(entry) return string.sub(entry, NONCE + 1) end

-- holds reports whether a user has what an index entry says it has.
local function holds(kind, id, what)
	if kind == 'e' then
		local u = fetch(key('u', id))
		return u and u.e == what
	elseif kind == 'p' then
		return redis.call('HEXISTS', key('a', id), what) == 1
	elseif kind == 'c' then
		return redis.call('HEXISTS', key('w', id), what) == 1
	end
	return redis.call('EXISTS', key('s', id) .. ':' .. what) == 1
end

local function enter(index, entry, expiry)
	if expiry and expiry ~= '' then
		redis.call('SET', index, entry, 'PXAT', expiry)
	else
		redis.call('SET', index, entry)
	end
end

-- The claims of a user are the last arguments of a script, from one on, five each:
-- kind, index key, what, entry, expiry or "".

-- taken makes the index entry of the claim at i, unless another user has what it says.
local function taken(i)
	local index, entry, expiry, made = ARGV[i + 1], ARGV[i + 3], ARGV[i + 4]
	if expiry ~= '' then
		made = redis.call('SET', index, entry, 'NX', 'PXAT', expiry)
	else
		made = redis.call('SETNX', index, entry) == 1
	end
	if made then return false end
	local other = redis.call('GET', index)
	if other ~= entry and holds(ARGV[i], owner(other), ARGV[i + 2]) then return true end
	enter(index, entry, expiry)
	return false
end

-- drop removes the index entries of the claims from first to before last, which lead
-- nowhere yet.
local function drop(first, last)
	if not single then return end
	for i = first, last - 1, 5 do redis.call('DEL', ARGV[i + 1]) end
end

-- revoked reports whether the claim at i, which on a cluster was made before, in its
-- slot, has been revoked since, or is so old that the mark of it may be gone.
local function revoked(id, i, deadline)
	return redis.call('EXISTS', key('x', id) .. ':' .. string.sub(ARGV[i + 3], 1, NONCE)) == 1 or now() > tonumber(deadline)
end

-- grant makes the index entries of a user's claims from first on, all or none. It
-- returns nil, or why not: "HELD" or "REVOKED" and the kind.
local function grant(id, first, deadline)
	for i = first, #ARGV, 5 do
		if not single then
			if revoked(id, i, deadline) then return 'REVOKED', ARGV[i] end
		elseif taken(i) then
			drop(first, i)
			return 'HELD', ARGV[i]
		end
	end
end

-- release removes index entries, given as a flat list of keys and entries, unless
-- they are somebody else's by now. On a cluster it returns them, since they lie in
-- other slots.
local function release(entries)
	if not single then return entries end
	for i = 1, #entries, 2 do
		if redis.call('GET', entries[i]) == entries[i + 1] then redis.call('DEL', entries[i]) end
	end
	return {}
end

-- resolve returns the user's escaped ID that a script was given, or the one that
-- the index entry at KEYS[1] leads to.
local function resolve(id)
	if id ~= '' then return id end
	local entry = redis.call('GET', KEYS[1])
	return entry and owner(entry)
end

-- patch changes a record: an empty value removes a field.
local function patch(record, changes)
	for name, value in pairs(cmsgpack.unpack(changes)) do
		if value == '' then record[name] = nil else record[name] = value end
	end
end

-- listed puts a session or a token into a list by its expiry, or moves it there, and
-- lets the list live longer than its members, by a quarter of the lifetime of the one
-- that prolonged it, so that few of those added have to. The lifetime is by the
-- adapter's clock, what is left of the list's by the server's: an eighth is kept for
-- the difference. One time in sixteen, by the nonce of the write, what the server has
-- expired is taken out.
local function listed(list, member, expires, lifetime, nonce)
	redis.call('ZADD', list, expires, member)
	local left = redis.call('PTTL', list)
	if left < 0 or left < lifetime * 1.125 then
		redis.call('PEXPIREAT', list, string.format('%.0f', expires + math.max(0, lifetime) / 4))
	end
	if nonce and string.byte(nonce) % 16 == 0 then redis.call('ZREMRANGEBYSCORE', list, '-inf', now()) end
end

-- A member of the list is "g" and the stored token, or "f", the nonce of the index
-- entry and the stored token for one that was made elsewhere.
local function stored(member)
	if string.sub(member, 1, 1) == 'g' then return string.sub(member, 2) end
	return string.sub(member, NONCE + 2)
end

-- foreign adds the index entry of a member to entries, if it has one.
local function foreign(entries, id, member)
	if string.sub(member, 1, 1) == 'f' then
		entries[#entries + 1] = key('t', escape(stored(member)))
		entries[#entries + 1] = string.sub(member, 2, NONCE + 1) .. id
	end
end
