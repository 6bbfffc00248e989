--!df flags=allow-undeclared-keys
-- Scans a part of the store for the JSON objects of some kinds in which a member has a
-- value, or for all strings of these kinds if no member is named. The kind of a key is
-- that of its longest prefix. The scan ends when KEYS[1] is gone: the user, or the mark
-- of a deletion, which is deleted at the end of the scan unless a record stays; and when
-- KEYS[2] exists. ARGV: 1 cursor, 2 pattern, 3 member or "", 4 value, 5 "1" to delete, "2"
-- to delete where no key ends the scan: KEYS[1] keeps the reply for a minute then, for the
-- client's own repetition, which must not delete what was made since; 6 number of prefixes,
-- 7 number of prefixes of other kinds, 8 both prefixes, then keys to leave alone. Returns the
-- next cursor; keys and values, unless it deletes them; and keys and values of which Lua
-- cannot tell whether they match, which stay.
local STEPS, COUNT = 10, 1000
local once = ARGV[5] == '2'
local kept = once and redis.call('GET', KEYS[1])
if kept then
	local r = cjson.decode(kept)
	return {r[1], {}, r[2]}
end
if once then start_deletion() end
if KEYS[1] and not once and redis.call('EXISTS', KEYS[1]) == 0 then return {'0', {}, {}} end
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return {'0', {}, {}} end
local cursor, leave, found, unread = ARGV[1], {}, {}, {}
local theirs = 8 + ARGV[6]
local rest = theirs + ARGV[7]
local ours, others = {(unpack or table.unpack)(ARGV, 8, theirs - 1)}, {(unpack or table.unpack)(ARGV, theirs, rest - 1)}
for i = rest, #ARGV do leave[ARGV[i]] = true end

-- Text without escapes is in the JSON as it is. A number can be written in many ways.
local number = tonumber(ARGV[4])

-- wanted reports whether a value matches; nil if Lua cannot tell.
local function wanted(v)
	if ARGV[3] == '' then return true end
	if not number and not string.find(v, ARGV[4], 1, true) and not string.find(v, '\\', 1, true) then return false end
	local r = decode(v)
	if not r then
		if string.find(v, '^%s*{') then return nil end
		return false
	end
	local m = r[ARGV[3]]
	if type(m) == 'number' and not text(m) then return nil end
	return text(m) == ARGV[4]
end

local function keep(list, key, v)
	list[#list + 1] = key
	list[#list + 1] = v
end

for _ = 1, STEPS do
	local reply = redis.call('SCAN', cursor, 'MATCH', ARGV[2], 'COUNT', COUNT, 'TYPE', 'string')
	cursor = reply[1]
	for _, key in ipairs(reply[2]) do
		local v = longest_prefix(key, ours) > longest_prefix(key, others) and not leave[key] and redis.call('GET', key)
		local is = v and wanted(v)
		if v and is == nil then
			keep(unread, key, v)
		elseif is and ARGV[5] ~= '0' then
			redis.call('DEL', key)
		elseif is then
			keep(found, key, v)
		end
	end
	if cursor == '0' then break end
end
if KEYS[1] and ARGV[5] == '1' and cursor == '0' and #unread == 0 then redis.call('DEL', KEYS[1]) end
if once then redis.call('SET', KEYS[1], cjson.encode({cursor, unread}), 'PX', 60000) end
return {cursor, found, unread}
