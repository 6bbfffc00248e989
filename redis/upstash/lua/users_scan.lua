--!df flags=allow-undeclared-keys
-- Returns a page of users. KEYS: users who exceeded the page before. ARGV: 1 cursor, 2
-- for how many more there is room, 3 pattern, 4 prefix of users, then prefixes of other
-- kinds. Returns the run ID of the server ("" if it has none), the next cursor, keys and
-- values, and the keys of users who exceed this page. STEP is the number of keys in a
-- step of SCAN, MOST that of all steps, REST the greatest length of the IDs that exceed
-- the page, in bytes.
local STEP, MOST, REST, LONGEST = 1000, 10000, 4096, 255
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
local cursor, left, seen, found, rest = ARGV[1], tonumber(ARGV[2]), 0, {}, {}
local ours, others = {ARGV[4]}, {(unpack or table.unpack)(ARGV, 5)}

local function keep(key)
	local v = fetch(key)
	if v then
		found[#found + 1] = key
		found[#found + 1] = v
	end
end

-- is_user reports whether a key can be that of a user. Other programs' keys may not be.
local function is_user(key)
	return #key - #ARGV[4] <= LONGEST and not string.find(key, '%c', #ARGV[4] + 1) and longest_prefix(key, ours) > longest_prefix(key, others)
end

-- step takes a step of SCAN, and returns the cursor after it and its users, in an order that
-- does not change when the server moves them from one table of keys to another.
local function step(count)
	local reply, all = redis.call('SCAN', cursor, 'MATCH', ARGV[3], 'COUNT', count, 'TYPE', 'string'), {}
	for _, key in ipairs(reply[2]) do
		if is_user(key) then all[#all + 1] = key end
	end
	table.sort(all)
	return reply[1], all
end

-- size returns the length of the IDs that exceed the page, in bytes.
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
		count = math.floor(count / 2) -- and try again
	else
		for i, key in ipairs(all) do
			if i <= left then keep(key) else rest[#rest + 1] = key end
		end
		cursor, left, seen = after, left - math.min(left, #all), seen + count
		if cursor == '0' then break end
	end
end
return {run, cursor, found, rest}
