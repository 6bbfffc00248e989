--!df flags=allow-undeclared-keys
-- Moves an authenticator's counter on. KEYS: on a single server the index entry, else the
-- hash; answer. ARGV: 3 ID or "", 4 kind of the hash, 5 field, 6 counter, 7 the adapter's
-- time. A repetition is answered as the first time also if the counter has moved on since,
-- but not if anything else of the record has changed: what is kept is a digest of the rest.
local id = resolve(ARGV[3])
local h = id and key(ARGV[4], id)
local stored = h and redis.call('HGET', h, ARGV[5])
if not stored then return updated() or answer('ABSENT') end
local record = cmsgpack.unpack(stored)
local before, counter = tonumber(record.n or '0'), tonumber(ARGV[6])
record.n, record.u = nil, nil
local rest = digest(record)
local again = answered(rest)
if again and again ~= rest then return #again == 40 and 'GONE' or again end
if not again and counter <= before and (counter ~= 0 or before ~= 0) then return answer('BEHIND') end
record.n, record.u = ARGV[6], ARGV[7]
record = cmsgpack.pack(record)
if not again then redis.call('HSET', h, ARGV[5], record) end
return {'OK', id, record}
