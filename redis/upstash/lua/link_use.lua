-- Takes a verification token if its record can surely be read: its time of expiry is a
-- date in the form that Auth.js writes. KEYS: 1 token. ARGV: 1 identifier, 2 token.
-- Returns the record, and "1" if it was deleted.
local v = fetch(KEYS[1])
if not v then return false end
local r = decode(v)
if not r then return {v, '0'} end
if text(r.identifier) ~= ARGV[1] or text(r.token) ~= ARGV[2] then return false end

local function date(e)
	local pattern = '^[1-9]%d%d%d%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)%.%d%d%dZ$'
	if type(e) ~= 'string' then return false end
	local month, day, h, m, s = string.match(e, pattern)
	local days = month and ({31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31})[tonumber(month)]
	return days and tonumber(day) >= 1 and tonumber(day) <= days and tonumber(h) < 24 and tonumber(m) < 60 and tonumber(s) < 60
end

if not date(r.expires) then return {v, '0'} end
redis.call('DEL', KEYS[1])
return {v, '1'}
