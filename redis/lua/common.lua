-- What every script begins with. ARGV[1] is the prefix of all keys, ARGV[2] is "1"
-- where one server has all of them and "0" on a cluster. There KEYS has every key that
-- decides anything, so that a server from which they are moving away says so before the
-- script begins; what is touched beside them is tidied up at best. The last of the KEYS
-- of a write is its answer's.
local P, single = ARGV[1], ARGV[2] == '1'
local NONCE = 11
local HOUR = 3600000

-- key returns the key of a kind for the thing in the hash tag, which is escaped.
local function key(kind, tag) return P .. kind .. ':{' .. tag .. '}' end

-- escape keeps a hash tag and the parts of a key in one piece, as escape in keys.go.
local function escape(s)
	return (string.gsub(s, '[%%:{}]', function(c) return string.format('%%%02X', string.byte(c)) end))
end

-- answered returns what was answered when the client has sent the same call before. If
-- not, the answer is kept for as long as the client may repeat the call, or a first attempt
-- may still be on its way. When memory is full none is, and what takes away goes on.
local function answered(reply)
	local kept = redis.pcall('SET', KEYS[#KEYS], reply or 'OK', 'NX', 'PX', 60000)
	return not (kept and kept.ok) and redis.call('GET', KEYS[#KEYS])
end

-- answer keeps another answer. It outlives what it is about, so nothing of a record is in
-- it.
local function answer(reply)
	redis.pcall('SET', KEYS[#KEYS], reply, 'PX', 60000)
	return reply
end

-- updated is answered() for a change of a record: packed is what the change makes of it,
-- stored what is there. For a repetition it returns "SAME" if the change is still the last
-- one, and "GONE" if others have changed the record since: what is there now was never the
-- answer.
local function updated(packed, stored)
	local kept = answered(packed and redis.sha1hex(packed))
	if not kept or #kept ~= 40 then return kept end
	return stored and redis.sha1hex(stored) == kept and 'SAME' or 'GONE'
end

-- digest returns the same for records with the same fields, in whatever order they are
-- stored.
local function digest(record)
	local fields = {}
	for name, value in pairs(record) do fields[#fields + 1] = cmsgpack.pack(name, value) end
	table.sort(fields)
	return redis.sha1hex(table.concat(fields))
end

-- generation returns what the values of a user and of its sessions begin with: a session
-- counts only if it has its user's.
local function generation(value) return string.sub(value, 1, NONCE) end

-- fetch returns a user or a session, its generation, and it as it is stored.
local function fetch(k)
	local v = redis.call('GET', k)
	if not v then return end
	local stored = string.sub(v, NONCE + 1)
	return cmsgpack.unpack(stored), generation(v), stored
end

local function now()
	local t = redis.call('TIME')
	return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- An index entry is a nonce and a user's escaped ID. It counts only if the record
-- that it leads to says so too.
local function owner(entry) return string.sub(entry, NONCE + 1) end

-- live reports whether a session counts at the adapter's time.
local function live(id, token, at)
	local s, g = fetch(key('s', id) .. ':' .. token)
	return s and g == redis.call('GETRANGE', key('u', id), 0, NONCE - 1) and tonumber(s.t) > tonumber(at)
end

-- holds reports whether a user has what an index entry says it has.
local function holds(kind, id, what, at)
	if kind == 'e' then
		local u = fetch(key('u', id))
		return u and u.e == what
	elseif kind == 'p' then
		return redis.call('HEXISTS', key('a', id), what) == 1
	elseif kind == 'c' then
		return redis.call('HEXISTS', key('w', id), what) == 1
	end
	return live(id, what, at)
end

local function enter(index, entry, life)
	if life and life ~= '' then
		redis.call('SET', index, entry, 'PX', life)
	else
		redis.call('SET', index, entry)
	end
end

-- The claims of a user are the last arguments of a script, from one on, six each:
-- kind, index key, what, entry, life in ms or "", the adapter's time.

-- taken makes the index entry of the claim at i, unless another user has what it says.
local function taken(i)
	local index, entry, life, made = ARGV[i + 1], ARGV[i + 3], ARGV[i + 4]
	if life ~= '' then
		made = redis.call('SET', index, entry, 'NX', 'PX', life)
	else
		made = redis.call('SETNX', index, entry) == 1
	end
	if made then return false end
	local other = redis.call('GET', index)
	if other ~= entry and holds(ARGV[i], owner(other), ARGV[i + 2], ARGV[i + 5]) then return true end
	enter(index, entry, life)
	return false
end

-- drop removes the index entries of the claims from first to before last, which lead
-- nowhere yet.
local function drop(first, last)
	if not single then return end
	for i = first, last - 1, 6 do redis.call('DEL', ARGV[i + 1]) end
end

-- refused returns why the claim at i, which on a cluster was made before, in its slot,
-- counts no longer: it has been revoked since, or is so old that the mark of it may be
-- gone.
local function refused(i, deadline)
	if redis.call('ZSCORE', KEYS[#KEYS - 1], string.sub(ARGV[i + 3], 1, NONCE)) then return 'REVOKED' end
	return now() > tonumber(deadline) and 'LATE'
end

-- grant makes the index entries of a user's claims from first on, all or none. It
-- returns nil, or why not, "HELD", "REVOKED" or "LATE", and the kind.
local function grant(first, deadline)
	for i = first, #ARGV, 6 do
		if not single then
			local why = refused(i, deadline)
			if why then return why .. ' ' .. ARGV[i] end
		elseif taken(i) then
			drop(first, i)
			return 'HELD ' .. ARGV[i]
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

-- foreign adds the index entry of a session to entries, if its token was made elsewhere.
local function foreign(entries, id, token, s)
	if s.f then
		entries[#entries + 1] = key('t', escape(token))
		entries[#entries + 1] = s.x .. id
	end
end

-- dismiss deletes a session that is not of the user's generation, and adds its index
-- entry to entries. It opens nothing as it is: where it has moved to another server, or
-- a server forbids keys that it was not told of, it stays until it expires.
local function dismiss(entries, id, token, current)
	local k = key('s', id) .. ':' .. token
	local v = redis.pcall('GET', k)
	if type(v) ~= 'string' or generation(v) == current then return end
	redis.pcall('DEL', k)
	local readable, s = pcall(cmsgpack.unpack, string.sub(v, NONCE + 1))
	if readable and type(s) == 'table' then foreign(entries, id, token, s) end
end

-- retire dismisses the sessions of a list. One that is long is put aside, to be worked
-- off in pieces: "MORE".
local function retire(entries, id, list, aside, current)
	if redis.call('ZCARD', list) > 1000 then
		redis.call('RENAME', list, aside)
		redis.call('PEXPIRE', aside, 24 * HOUR)
	else
		for _, token in ipairs(redis.call('ZRANGE', list, 0, -1)) do dismiss(entries, id, token, current) end
		redis.call('DEL', list)
	end
	return redis.call('EXISTS', aside) == 1 and 'MORE' or 'OK'
end
