--!df flags=allow-undeclared-keys
-- Raises the counter of an authenticator. KEYS: on a single server the index entry, else
-- the hash; reply. ARGV: 3 ID or "", 4 kind of the hash, 5 field, 6 counter, 7 the
-- adapter's time. A repetition gets the first reply even if the counter was raised again
-- since, but not if anything else in the record has changed: the reply that is kept is a
-- digest of the rest.
local id = resolve(ARGV[3])
local h = id and key(ARGV[4], id)
local stored = h and redis.call('HGET', h, ARGV[5])
if not stored then return replayed_update() or keep_reply('ABSENT') end
local record = cmsgpack.unpack(stored)
local before, counter = tonumber(record.n or '0'), tonumber(ARGV[6])
record.n, record.u = nil, nil
local rest = digest(record)
local reply = replayed(rest)
if reply and reply ~= rest then return #reply == 40 and 'GONE' or reply end
if not reply and counter <= before and (counter ~= 0 or before ~= 0) then return keep_reply('BEHIND') end
record.n, record.u = ARGV[6], ARGV[7]
record = cmsgpack.pack(record)
if not reply then redis.call('HSET', h, ARGV[5], record) end
return {'OK', id, record}
