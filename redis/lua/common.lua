-- Functions that the scripts share. ARGV[1] is the prefix of all keys. ARGV[2] is "1" if one
-- server has all keys, and "0" on a Cluster. There KEYS has every key that decides
-- anything, so that a server from which they are moving refuses before the script begins;
-- other keys are only touched to clean up. The last of the KEYS of a write is its reply's.
local P, single = ARGV[1], ARGV[2] == '1'
local NONCE = 11
local HOUR = 3600000

-- key returns the key of a kind with a hash tag, which is escaped.
local function key(kind, tag) return P .. kind .. ':{' .. tag .. '}' end

-- escape escapes a part of a key, as escape in keys.go.
local function escape(s)
	return (string.gsub(s, '[%%:{}]', function(c) return string.format('%%%02X', string.byte(c)) end))
end

-- replayed returns the first reply if the client has sent the same call before. If not, it
-- keeps the reply for as long as the client may repeat the call, or its first attempt may
-- still arrive. When memory is full no reply is kept, so that deletions still work.
local function replayed(reply)
	local kept = redis.pcall('SET', KEYS[#KEYS], reply or 'OK', 'NX', 'PX', 60000)
	return not (kept and kept.ok) and redis.call('GET', KEYS[#KEYS])
end

-- keep_reply keeps another reply. It outlives the record, so it must contain nothing of it.
local function keep_reply(reply)
	redis.pcall('SET', KEYS[#KEYS], reply, 'PX', 60000)
	return reply
end

-- replayed_update is replayed() for a change of a record: packed is the changed record,
-- stored the one that is there. For a repetition it returns "SAME" if the change is still the
-- last one, and "GONE" if others have changed or deleted the record since: the first reply is
-- lost.
local function replayed_update(packed, stored)
	local kept = replayed(packed and redis.sha1hex(packed))
	if not kept or #kept ~= 40 then return kept end
	return stored and redis.sha1hex(stored) == kept and 'SAME' or 'GONE'
end

-- digest returns a digest of the fields of a record, whatever their order.
local function digest(record)
	local fields = {}
	for name, value in pairs(record) do fields[#fields + 1] = cmsgpack.pack(name, value) end
	table.sort(fields)
	return redis.sha1hex(table.concat(fields))
end

-- generation returns the generation of a user or of a session. A session counts only if its
-- generation is that of its user.
local function generation(value) return string.sub(value, 1, NONCE) end

-- fetch returns a user or a session, its generation, and the packed record.
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

-- owner returns the user's escaped ID in an index entry, which follows a nonce. The entry
-- counts only if the record that it leads to agrees.
local function owner(entry) return string.sub(entry, NONCE + 1) end

-- live reports whether a session has not ended or expired, at the adapter's time.
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

local function set_entry(index, entry, life)
	if life and life ~= '' then
		redis.call('SET', index, entry, 'PX', life)
	else
		redis.call('SET', index, entry)
	end
end

-- Claims are the last arguments of a script, six each: kind, index key, value, entry, life in
-- ms or "", the adapter's time.

-- taken creates the index entry of the claim at i, unless another user has the value.
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
	set_entry(index, entry, life)
	return false
end

-- release_claims deletes the index entries of the claims from first to before last, on a
-- single server.
local function release_claims(first, last)
	if not single then return end
	for i = first, last - 1, 6 do redis.call('DEL', ARGV[i + 1]) end
end

-- refused returns why the claim at i, which was made before on a Cluster, does not count any
-- more: it has been revoked, or is so old that its revocation may be gone.
local function refused(i, deadline)
	if redis.call('ZSCORE', KEYS[#KEYS - 1], string.sub(ARGV[i + 3], 1, NONCE)) then return 'REVOKED' end
	return now() > tonumber(deadline) and 'LATE'
end

-- grant grants the claims from first on, all or none: it creates their index entries, or on a
-- Cluster checks that they still count. Returns nil, or the reason ("HELD", "REVOKED" or
-- "LATE") and the kind.
local function grant(first, deadline)
	for i = first, #ARGV, 6 do
		if not single then
			local why = refused(i, deadline)
			if why then return why .. ' ' .. ARGV[i] end
		elseif taken(i) then
			release_claims(first, i)
			return 'HELD ' .. ARGV[i]
		end
	end
end

-- release deletes index entries, a flat list of keys and entries, unless they are another
-- claim's by now. On a Cluster it returns them, since they are in other slots.
local function release(entries)
	if not single then return entries end
	for i = 1, #entries, 2 do
		if redis.call('GET', entries[i]) == entries[i + 1] then redis.call('DEL', entries[i]) end
	end
	return {}
end

-- resolve returns the user's escaped ID that a script was given, or the one that the index
-- entry at KEYS[1] leads to.
local function resolve(id)
	if id ~= '' then return id end
	local entry = redis.call('GET', KEYS[1])
	return entry and owner(entry)
end

-- patch changes a record. An empty value removes a field.
local function patch(record, changes)
	for name, value in pairs(cmsgpack.unpack(changes)) do
		if value == '' then record[name] = nil else record[name] = value end
	end
end

-- add_token_entry adds the index entry of a session to entries, if its token was made
-- elsewhere.
local function add_token_entry(entries, id, token, s)
	if s.f then
		entries[#entries + 1] = key('t', escape(token))
		entries[#entries + 1] = s.x .. id
	end
end

-- delete_ended deletes a session that is not of the user's generation, and adds its index
-- entry to entries. If it has moved to another server, or the server forbids undeclared keys,
-- it stays until it expires: it gives access to nothing.
local function delete_ended(entries, id, token, current)
	local k = key('s', id) .. ':' .. token
	local v = redis.pcall('GET', k)
	if type(v) ~= 'string' or generation(v) == current then return end
	redis.pcall('DEL', k)
	local readable, s = pcall(cmsgpack.unpack, string.sub(v, NONCE + 1))
	if readable and type(s) == 'table' then add_token_entry(entries, id, token, s) end
end

-- end_sessions deletes the ended sessions in a list. It renames a long list to ended, whose
-- sessions other calls delete in batches, and returns "MORE".
local function end_sessions(entries, id, list, ended, current)
	if redis.call('ZCARD', list) > 1000 then
		redis.call('RENAME', list, ended)
		redis.call('PEXPIRE', ended, 24 * HOUR)
	else
		for _, token in ipairs(redis.call('ZRANGE', list, 0, -1)) do delete_ended(entries, id, token, current) end
		redis.call('DEL', list)
	end
	return redis.call('EXISTS', ended) == 1 and 'MORE' or 'OK'
end
