--!df flags=allow-undeclared-keys
-- Returns a page of users: the ID of the server's run, "" if it tells none, the cursor to go
-- on from, keys and values, and the keys of those for whom the page has no room. KEYS: users
-- for whom the page before had none. ARGV: 1 cursor, 2 for how many more there is room, 3
-- pattern, 4 what the keys of users begin with, then what those of other kinds begin with.
-- STEP is how many keys a step of SCAN looks at, MOST all of them, REST how many bytes the
-- IDs may have for whom there is no room.
local STEP, MOST, REST, LONGEST = 1000, 10000, 4096, 255
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
local cursor, left, seen, found, rest = ARGV[1], tonumber(ARGV[2]), 0, {}, {}
local ours, others = {ARGV[4]}, {unpack(ARGV, 5)}

local function keep(key)
	local v = fetch(key)
	if v then
		found[#found + 1] = key
		found[#found + 1] = v
	end
end

-- Another program's keys may be what no ID can be.
local function is(key)
	return #key - #ARGV[4] <= LONGEST and not string.find(key, '%c', #ARGV[4] + 1) and longest(key, ours) > longest(key, others)
end

-- step returns the cursor after a step and its users, in an order that stays while the
-- server moves them from one table of keys to another.
local function step(count)
	local reply, all = redis.call('SCAN', cursor, 'MATCH', ARGV[3], 'COUNT', count, 'TYPE', 'string'), {}
	for _, key in ipairs(reply[2]) do
		if is(key) then all[#all + 1] = key end
	end
	table.sort(all)
	return reply[1], all
end

-- size returns how many bytes the IDs have of those for whom there is no room.
local function size(all)
	local bytes = 0
	for i = left + 1, #all do bytes = bytes + #all[i] - #ARGV[4] end
	return bytes
end

for _, key in ipairs(KEYS) do keep(key) end
local count = STEP
while left > 0 and seen < MOST do
	local after, all = step(count)
	if size(all) > REST and count > 1 then
		count = math.floor(count / 2) -- and the same once more
	else
		for i, key in ipairs(all) do
			if i <= left then keep(key) else rest[#rest + 1] = key end
		end
		cursor, left, seen = after, left - math.min(left, #all), seen + count
		if cursor == '0' then break end
	end
end
return {run, cursor, found, rest}
