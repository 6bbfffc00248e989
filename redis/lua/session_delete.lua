-- ARGV: 3 ID or "", 4 stored token. Returns the index entry to release.
local id = resolve(ARGV[3])
local k = id and key('s', id) .. ':' .. ARGV[4]
local s = k and fetch(k)
if not s then return {} end
local member, entries = (s.f and 'f' .. s.x or 'g') .. ARGV[4], {}
redis.call('DEL', k)
redis.call('ZREM', key('l', id), member)
foreign(entries, id, member)
return release(entries)
