-- Walks through a part of the store: the JSON objects whose keys begin with one of the
-- prefixes and whose field has a value, or every string there if no field is named. It
-- returns the cursor to go on from and each key with its value, or removes them. It ends
-- when KEYS[1] is gone: the user, or the mark of a deletion, which goes at its end; and
-- when KEYS[2] is there.
-- ARGV: 1 cursor, 2 pattern, 3 field or "", 4 value, 5 the field with its value in JSON,
-- 6 "1" to remove, 7 number of prefixes, 8 prefixes, then keys to leave alone.
local STEPS, COUNT = 10, 1000
if KEYS[1] and redis.call('EXISTS', KEYS[1]) == 0 then return {'0'} end
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return {'0'} end
local prefixes, leave, found = {}, {}, {ARGV[1]}
for i = 8, 7 + ARGV[7] do prefixes[#prefixes + 1] = ARGV[i] end
for i = 8 + ARGV[7], #ARGV do leave[ARGV[i]] = true end

local function within(key)
	for _, p in ipairs(prefixes) do
		if string.sub(key, 1, #p) == p then return true end
	end
end

local function wanted(v)
	if ARGV[3] == '' then return true end
	if not string.find(v, ARGV[5], 1, true) then return false end
	local r = decode(v)
	return r and r[ARGV[3]] == ARGV[4]
end

for _ = 1, STEPS do
	local reply = redis.call('SCAN', found[1], 'MATCH', ARGV[2], 'COUNT', COUNT, 'TYPE', 'string')
	found[1] = reply[1]
	for _, key in ipairs(reply[2]) do
		local v = within(key) and not leave[key] and redis.call('GET', key)
		if v and wanted(v) then
			if ARGV[6] == '1' then
				redis.call('DEL', key)
			else
				found[#found + 1] = key
				found[#found + 1] = v
			end
		end
	end
	if found[1] == '0' then break end
end
if KEYS[1] and ARGV[6] == '1' and found[1] == '0' then redis.call('DEL', KEYS[1]) end
return found
