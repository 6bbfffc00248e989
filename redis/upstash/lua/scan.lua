--!df flags=allow-undeclared-keys
-- Walks through a part of the store: the JSON objects at the keys of some kinds whose field
-- has a value, or every string there if no field is named. The kind of a key is that of the
-- longest prefix that it begins with. It returns the cursor to go on from, keys and values, or removes them; then keys and values
-- of which Lua cannot tell whether they are among them, which it leaves. It ends when
-- KEYS[1] is gone: the user, or the mark of a deletion, which goes at its end unless
-- something is left; and when KEYS[2] is there.
-- ARGV: 1 cursor, 2 pattern, 3 field or "", 4 value, 5 "1" to remove, 6 number of
-- prefixes, 7 number of those of other kinds, 8 prefixes of both, then keys to leave alone.
local STEPS, COUNT = 10, 1000
if KEYS[1] and redis.call('EXISTS', KEYS[1]) == 0 then return {'0', {}, {}} end
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return {'0', {}, {}} end
local cursor, leave, found, unread = ARGV[1], {}, {}, {}
local theirs = 8 + ARGV[6]
local rest = theirs + ARGV[7]
local ours, others = {unpack(ARGV, 8, theirs - 1)}, {unpack(ARGV, theirs, rest - 1)}
for i = rest, #ARGV do leave[ARGV[i]] = true end

-- A text is in the JSON as it is, unless something is escaped there. A number is written
-- in many ways.
local number = tonumber(ARGV[4])

-- Whether a value is wanted, nil if that cannot be told.
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
		local v = longest(key, ours) > longest(key, others) and not leave[key] and redis.call('GET', key)
		local is = v and wanted(v)
		if v and is == nil then
			keep(unread, key, v)
		elseif is and ARGV[5] == '1' then
			redis.call('DEL', key)
		elseif is then
			keep(found, key, v)
		end
	end
	if cursor == '0' then break end
end
if KEYS[1] and ARGV[5] == '1' and cursor == '0' and #unread == 0 then redis.call('DEL', KEYS[1]) end
return {cursor, found, unread}
